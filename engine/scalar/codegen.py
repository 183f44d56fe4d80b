"""From typed expressions to Python functions over rows.

All expressions of one function are computed together, so what they share is computed once. The
source that `emitter` writes is compiled by Python; equal sources (a query that is asked again) are
compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

from engine.errors import SqlError
from engine.scalar.documents import FAST_ERRORS, Decoder, Trie
from engine.scalar.emitter import Emitter
from engine.scalar.environment import Evaluation
from engine.scalar.nesting import room_for_nesting
from engine.scalar.nodes import Column, Node
from engine.scalar.prepare import prepare
from engine.scalar.scalar import Scalar
from engine.scalar.shared_documents import SharedDocument
from engine.zset import Row, Value, ZSet

RowFunction: TypeAlias = Callable[[Row], Row | None]
BatchFunction: TypeAlias = Callable[[ZSet], tuple[ZSet, dict[str, int]]]

EVALUATION_ERRORS = (SqlError, ArithmeticError, ValueError, TypeError, LookupError)
"""What evaluating a row may raise: SqlError, or what a function here forgot to put in its words.

The latter must not end a view either; it shows among the view's errors, and is a bug to be mended.
"""


def compile_rows(
    scalars: Sequence[Scalar], filter: Scalar | None = None, evaluation: Evaluation | None = None
) -> RowFunction:
    """A function from a row to the row of the scalars' values, None where `filter` is not true.

    It raises SqlError where evaluating fails. `evaluation` is needed if parameters or session
    functions are read.
    """
    with room_for_nesting():
        nodes, condition = _prepare(scalars, filter, evaluation)
        return _row_function(nodes, condition)


def compile_value(scalar: Scalar, evaluation: Evaluation | None = None) -> Callable[[Row], Value]:
    """A function from a row to the one value; it raises SqlError where evaluating fails."""
    with room_for_nesting():
        return _value_function(prepare(scalar.node, evaluation))


def compile_batch(
    scalars: Sequence[Scalar],
    filter: Scalar | None = None,
    evaluation: Evaluation | None = None,
    origin: Hashable = None,
) -> BatchFunction:
    """A function from a Z-set to (the Z-set of the scalars' rows, errors: text -> weight).

    Rows for which `filter` is not true are left out, rows whose evaluation fails are counted in
    the errors with their weight. What comes out is consolidated, also the errors. `origin` names
    the input that the rows are of, if they are an input's own: with other functions over the same
    input, of the same environment, the decoding of its JSON is then shared.
    """
    with room_for_nesting():
        return _batch_function(*_prepare(scalars, filter, evaluation), evaluation, origin)


def _batch_function(
    nodes: Sequence[Node],
    condition: Node | None,
    evaluation: Evaluation | None,
    origin: Hashable,
) -> BatchFunction:
    sharing = None if evaluation is None or origin is None else evaluation.environment.documents
    shared: dict[Node, SharedDocument] = {}

    def decoder(document: Node, trie: Trie) -> Decoder:
        text = document.children[0]
        if sharing is None or not isinstance(text, Column):
            return Decoder(trie)
        shared[document] = sharing.column(origin, text.index)
        return shared[document].decoder(trie)

    roots = nodes if condition is None else [*nodes, condition]
    emitter = Emitter(roots, _value_function, decoder)
    _emit_row(emitter, nodes, condition, "continue", "k = {}")
    may_fail = any(node.can_fail for node in (*nodes, *([condition] if condition else [])))
    body = _guarded(emitter.lines) if may_fail else emitter.lines
    source = [
        "def batch(rows):",
        "    out = {}",
        "    errors = {}",
        "    get = out.get",
        "    for r, w in rows.items():",
        *("        " + line for line in body),
        "        out[k] = get(k, 0) + w",
        "    return consolidated(out), consolidated(errors)",
    ]
    names = {**emitter.names, "consolidated": _consolidated}
    if may_fail:
        names |= {
            "FAILED": (*EVALUATION_ERRORS, *FAST_ERRORS),
            "EVALUATION_ERRORS": EVALUATION_ERRORS,
            "error_text": error_text,
            "slowly": _row_function(nodes, condition),
        }
    batch: BatchFunction = _define("batch", source, names)
    for document, column in shared.items():
        used = emitter.decoders[document]
        column.share(used, batch, emitter.name_of(used))
    return batch


def _guarded(lines: list[str]) -> list[str]:
    """The row's statements, and what happens when they fail.

    The fast decoders' errors are not the last word: the row is evaluated again by the careful
    function, which gives its value, or the error in SQL's words.
    """
    return [
        "try:",
        *("    " + line for line in lines),
        "except FAILED:",
        "    try:",
        "        k = slowly(r)",
        "    except EVALUATION_ERRORS as error:",
        "        text = error_text(error)",
        "        errors[text] = errors.get(text, 0) + w",
        "        continue",
        "    if k is None: continue",
    ]


def error_text(error: Exception) -> str:
    """How an error is counted: by SQL's message, or as what it is: a fault of a function here."""
    if isinstance(error, SqlError):
        return error.message
    return f"internal error: {type(error).__name__}: {error}"


def _consolidated(weights: dict[Any, int]) -> dict[Any, int]:
    """The same without zero weights."""
    if 0 in weights.values():
        return {key: weight for key, weight in weights.items() if weight}
    return weights


def _prepare(
    scalars: Sequence[Scalar], filter: Scalar | None, evaluation: Evaluation | None
) -> tuple[list[Node], Node | None]:
    nodes = [prepare(scalar.node, evaluation) for scalar in scalars]
    return nodes, None if filter is None else prepare(filter.node, evaluation)


def _emitter(nodes: Sequence[Node], condition: Node | None) -> Emitter:
    roots = nodes if condition is None else [*nodes, condition]
    return Emitter(roots, _value_function)


def _emit_row(
    emitter: Emitter, nodes: Sequence[Node], condition: Node | None, skip: str, give: str
) -> None:
    """Emit a row's statements; `skip` is what happens to one that the filter leaves out."""
    if condition is not None:
        emitter.skip_unless(condition, skip)
    values = [emitter.value(node) for node in nodes]
    emitter.line(give.format(f"({', '.join(values)}{',' if len(values) == 1 else ''})"))


def _row_function(nodes: Sequence[Node], condition: Node | None) -> RowFunction:
    emitter = _emitter(nodes, condition)
    _emit_row(emitter, nodes, condition, "return None", "return {}")
    return _careful(emitter)


def _value_function(node: Node) -> Callable[[Row], Value]:
    emitter = _emitter([node], None)
    emitter.line(f"return {emitter.value(node)}")
    return _careful(emitter)


def _careful(emitter: Emitter) -> Callable[[Row], Any]:
    """The function whose statements were emitted, with the decoders that raise SqlError."""
    source = ["def function(r):", *("    " + line for line in emitter.lines)]
    names = {**emitter.names, **emitter.slow_names}
    return _define("function", source, names)  # type: ignore[no-any-return]


def _define(name: str, source: list[str], names: dict[str, Any]) -> Any:
    exec(_compile("\n".join(source)), names)  # noqa: S102 -- source of our own making
    return names[name]


@lru_cache(maxsize=1024)
def _compile(source: str) -> CodeType:
    return compile(source, "<generated>", "exec")
