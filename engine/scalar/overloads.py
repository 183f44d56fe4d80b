"""Which signature of a function or operator a call means, by PostgreSQL's rules.

The rules are those of the manual's chapter "Type Conversion": an exact match; else, of those whose
arguments convert implicitly, the ones with the most exact matches, then those that take preferred
types; quoted literals without a type settle for what the rest suggests, with a bias for strings.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import SqlError
from engine.scalar.casts import Context, can_cast, cast
from engine.scalar.nodes import Call, Node
from engine.scalar.registry import FUNCTIONS, Function
from engine.types import (
    BOOL,
    BPCHAR,
    FLOAT8,
    INTERVAL,
    NAME,
    OID,
    TEXT,
    TIMESTAMPTZ,
    UNKNOWN,
    VARCHAR,
    SqlType,
)

_PREFERRED = (TEXT, FLOAT8, OID, TIMESTAMPTZ, INTERVAL, BOOL)
_LIKE_TEXT = (VARCHAR, BPCHAR, NAME)


def call(name: str, arguments: Sequence[Node], what: str | None = None) -> Call:
    """Call the function that fits; `what` is how the error shows the call, if not as `name(..)`."""
    if name in COMPARISONS:
        arguments = without_blanks(arguments)
    function = resolve(name, [plain(argument.type) for argument in arguments], what)
    types = expand(function, len(arguments))
    converted = tuple(
        cast(argument, type_, Context.IMPLICIT)
        for argument, type_ in zip(arguments, types, strict=True)
    )
    return Call(function.returns, function, converted)


COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_BLANKS_DO_NOT_COUNT = {BPCHAR, VARCHAR, UNKNOWN}
_TRIM = Function("rtrim", (TEXT,), TEXT, template="{0}.rstrip(' ')")


def without_blanks(nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes as texts without trailing blanks, if they are to be compared as `char` values.

    Beside `char`, blanks at the end of varchar do not count either; those of text do.
    """
    types = {node.type for node in nodes}
    if BPCHAR not in types or not types <= _BLANKS_DO_NOT_COUNT:
        return nodes
    texts = [cast(node, TEXT, Context.IMPLICIT) for node in nodes]
    return [
        text if node.type is BPCHAR else Call(TEXT, _TRIM, (text,))
        for node, text in zip(nodes, texts, strict=True)
    ]


def operator(symbol: str, arguments: Sequence[Node]) -> Call:
    """Call the operator that fits."""
    names = [argument.type.sql_name for argument in arguments]
    return call(
        symbol, arguments, f" {symbol} ".join(names) if len(names) > 1 else symbol + names[0]
    )


def expand(function: Function, count: int) -> tuple[SqlType, ...]:
    """The types of `count` arguments, the last one repeated for a variadic function."""
    types = function.arguments
    return types + types[-1:] * (count - len(types))


def resolve(name: str, types: Sequence[SqlType], what: str | None = None) -> Function:
    """The signature for arguments of these types; raises SqlError 42883, or 42725."""
    candidates = [
        function
        for function in FUNCTIONS.get(name, ())
        if len(function.arguments) == len(types)
        or (function.variadic and len(types) >= len(function.arguments))
    ]
    if len(types) == 2 and UNKNOWN in types and set(types) != {UNKNOWN}:
        # A literal beside an operand of known type is assumed to be of the same.
        known = next(type_ for type_ in types if type_ is not UNKNOWN)
        if exact := _exact(candidates, [known, known]):
            return exact
    if exact := _exact(candidates, types):
        return exact
    fitting = [f for f in candidates if _accepts(f, types)]
    for choose in (_most_exact, _most_preferred, _by_category):
        if len(fitting) > 1:
            fitting = choose(fitting, types)
    if len(fitting) == 1:
        return fitting[0]
    raise _failure(name, types, what, bool(fitting))


def _exact(candidates: Sequence[Function], types: Sequence[SqlType]) -> Function | None:
    wanted = tuple(types)
    return next((f for f in candidates if expand(f, len(types)) == wanted), None)


def plain(type_: SqlType) -> SqlType:
    """text for all string types: functions take no other."""
    return TEXT if type_ in _LIKE_TEXT else type_


def _accepts(function: Function, types: Sequence[SqlType]) -> bool:
    return all(
        can_cast(given, taken, Context.IMPLICIT)
        for given, taken in zip(types, expand(function, len(types)), strict=True)
    )


def _best(functions: list[Function], scores: list[int]) -> list[Function]:
    most = max(scores)
    return [f for f, score in zip(functions, scores, strict=True) if score == most]


def _most_exact(functions: list[Function], types: Sequence[SqlType]) -> list[Function]:
    return _best(
        functions,
        [sum(a is b for a, b in zip(types, expand(f, len(types)), strict=True)) for f in functions],
    )


def _most_preferred(functions: list[Function], types: Sequence[SqlType]) -> list[Function]:
    def score(function: Function) -> int:
        pairs = zip(types, expand(function, len(types)), strict=True)
        return sum(given is taken or taken in _PREFERRED for given, taken in pairs)

    return _best(functions, [score(f) for f in functions])


def _by_category(functions: list[Function], types: Sequence[SqlType]) -> list[Function]:
    """For each literal of unknown type, keep those that take a string there, if any does."""
    for place, given in enumerate(types):
        if given is UNKNOWN:
            stringy = [f for f in functions if expand(f, len(types))[place].category == "S"]
            functions = stringy or functions
    known = {type_ for type_ in types if type_ is not UNKNOWN}
    if len(functions) > 1 and len(known) == 1:
        (only,) = known
        same = [f for f in functions if _accepts(f, [only] * len(types))]
        functions = same or functions
    return functions


def _failure(name: str, types: Sequence[SqlType], what: str | None, ambiguous: bool) -> SqlError:
    shown = what or f"{name}({', '.join(type_.sql_name for type_ in types)})"
    kind = "function" if what is None else "operator"
    if ambiguous:
        return SqlError(f"{kind} {shown} is not unique", "42725", hint=_ADD_CASTS)
    hint = _ADD_CASTS if name in FUNCTIONS else None
    return SqlError(f"{kind} {shown} does not exist", "42883", hint=hint)


_ADD_CASTS = "no such signature fits the arguments' types; explicit casts may be needed"


def settled(type_: SqlType) -> SqlType:
    """text for the unknown type."""
    return TEXT if type_ is UNKNOWN else type_
