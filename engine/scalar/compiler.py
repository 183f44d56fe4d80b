"""From sqlglot's trees to typed expressions.

One method for each kind of tree; operators and functions are looked up by name in the registry, so
that what SQL can call is defined in `functions/` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar import overloads
from engine.scalar.calls import call_function, call_operator
from engine.scalar.casts import Context, can_cast, cast
from engine.scalar.data_types import modifiers, type_of
from engine.scalar.modifiers import apply_modifiers
from engine.scalar.nodes import (
    Call,
    Case,
    Coalesce,
    Column,
    Constant,
    IsNull,
    JsonGet,
    Logic,
    Node,
    Parameter,
    Session,
)
from engine.scalar.quantified import compare_with_all, compare_with_any
from engine.scalar.registry import Function
from engine.scalar.scalar import Scalar
from engine.types import (
    BOOL,
    DATE,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    Array,
    SqlType,
    array_of,
)
from engine.types.interval import parse as parse_interval
from engine.types.interval import unit_of


@dataclass
class Scope:
    """What the names in an expression stand for.

    `find` is asked for every part of the tree before anything else, and gives (index in the row,
    type) for what the row holds: a column, or a whole expression that was computed below, such
    as an aggregate or a GROUP BY key; None for the rest. For an `exp.Column` that it does not
    know it may raise its own SqlError. `parameters` are the types of `$1`, `$2` .. : those that
    were declared, and those that were inferred while expressions were compiled; the unknown type
    where nothing tells it (`$1 IS NULL`).
    """

    find: Callable[[exp.Expr], tuple[int, SqlType] | None]
    parameters: dict[int, SqlType] = field(default_factory=dict)


def compile_scalar(tree: exp.Expr, scope: Scope, *, keep_unknown: bool = False) -> Scalar:
    """Give the expression its type and functions.

    A quoted literal or NULL whose type nothing tells becomes text, unless `keep_unknown` asks to
    leave it unknown, for a caller that will `coerce` it (the branches of a UNION, VALUES).
    Raises SqlError for unknown columns, functions, types, and operands that do not fit.
    """
    try:
        node = _Compiler(scope).node(tree)
    except RecursionError:
        raise SqlError("expression is nested too deeply", "54001") from None
    if node.type is UNKNOWN and not keep_unknown:
        node = cast(node, TEXT)
    _infer(node, scope)
    return Scalar(node)


def coerce(scalar: Scalar, target: SqlType, what: str, scope: Scope | None = None) -> Scalar:
    """Convert as for an assignment (INSERT, UNION); `what` names the place in the error.

    `scope` learns the type of a parameter that had none.
    """
    if not can_cast(scalar.type, target, Context.ASSIGNMENT):
        raise SqlError(
            f"{what} is of type {target.sql_name} but the expression is of type "
            f"{scalar.type.sql_name}",
            "42804",
            hint="an explicit cast may be needed",
        )
    node = cast(scalar.node, target, Context.ASSIGNMENT)
    if scope is not None:
        _infer(node, scope)
    return Scalar(node)


def common_type(types: Sequence[SqlType], what: str) -> SqlType:
    """The type to which all convert implicitly (UNION, CASE, VALUES); raises SqlError 42804."""
    known = [type_ for type_ in types if type_ is not UNKNOWN]
    if not known:
        return TEXT
    best = known[0]
    for type_ in known[1:]:
        if can_cast(type_, best, Context.IMPLICIT):
            continue
        if not can_cast(best, type_, Context.IMPLICIT):
            raise SqlError(
                f"{what} types {best.sql_name} and {type_.sql_name} cannot be matched", "42804"
            )
        best = type_
    return best


def _infer(node: Node, scope: Scope) -> None:
    """Tell the scope the types of the parameters in `node`."""
    for child in node.children:
        _infer(child, scope)
    if isinstance(node, Parameter) and scope.parameters.get(node.number, UNKNOWN) is UNKNOWN:
        scope.parameters[node.number] = node.type


_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}

_BINARY: dict[type[exp.Expr], str] = {
    **_COMPARISONS,
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "/",
    exp.Mod: "%",
    exp.Pow: "^",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "#",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.DPipe: "||",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
    exp.ArrayContainsAll: "@>",
    exp.ArrayContainedBy: "<@",
    exp.ArrayOverlaps: "&&",
    exp.JSONBContainsTopKey: "?",
    exp.JSONBContains: "?",
    exp.JSONBContainsAnyTopKeys: "?|",
    exp.JSONBContainsAllTopKeys: "?&",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.JSONBDeleteAtPath: "#-",
}

_NEGATED_OPERATORS = {"!~": "~", "!~*": "~*"}


class _Compiler:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def node(self, tree: exp.Expr) -> Node:
        found = self._scope.find(tree)
        if found is not None:
            index, type_ = found
            return Column(type_, index)
        symbol = _BINARY.get(type(tree))
        if symbol is not None:
            return self._binary(symbol, tree.this, tree.expression)
        method = _METHODS.get(type(tree))
        if method is not None:
            return method(self, tree)
        if isinstance(tree, exp.AggFunc):
            raise SqlError(
                f"aggregate functions are not allowed here: {tree.sql('postgres')}", "42803"
            )
        if isinstance(tree, exp.Func):
            arguments = [value for value in tree.args.values() if isinstance(value, exp.Expr)]
            arguments += tree.expressions
            return self._call(tree.sql_name().lower(), arguments)
        raise not_supported(f"the expression {tree.sql('postgres')}")

    def nodes(self, trees: Sequence[exp.Expr]) -> list[Node]:
        return [self.node(tree) for tree in trees]

    def condition(self, tree: exp.Expr, what: str) -> Node:
        """`tree` as a boolean; `what` names the place in the error."""
        node = self.node(tree)
        if not can_cast(node.type, BOOL, Context.IMPLICIT):
            raise SqlError(
                f"argument of {what} must be type boolean, not type {node.type.sql_name}", "42804"
            )
        return cast(node, BOOL, Context.IMPLICIT)

    # Leaves

    def _column(self, tree: exp.Column) -> Node:
        name = ".".join(part.name for part in tree.parts)
        raise SqlError(f'column "{name}" does not exist', "42703")

    def _literal(self, tree: exp.Literal) -> Node:
        if tree.is_string:
            return Constant(UNKNOWN, tree.name)
        return _number(tree.name)

    def _raw_string(self, tree: exp.RawString) -> Node:
        return Constant(UNKNOWN, tree.name)

    def _boolean(self, tree: exp.Boolean) -> Node:
        return Constant(BOOL, bool(tree.this))

    def _null(self, tree: exp.Null) -> Node:
        return Constant(UNKNOWN, None)

    def _parameter(self, tree: exp.Parameter) -> Node:
        name = tree.name
        if not name.isdigit() or not 0 < int(name) <= 65535:
            raise not_supported(f"the operator or parameter {tree.sql('postgres')}")
        return Parameter(self._scope.parameters.get(int(name), UNKNOWN), int(name))

    def _interval(self, tree: exp.Interval) -> Node:
        unit = tree.args.get("unit")
        if not isinstance(tree.this, exp.Literal):
            raise not_supported(f"the interval {tree.sql('postgres')}", "multiply an interval")
        if unit is None:
            return Constant(INTERVAL, parse_interval(tree.this.name))
        if not isinstance(unit, exp.Var):
            raise not_supported(f"the interval unit {unit.sql('postgres')}")
        name = unit_of(unit.name)
        if name is None:
            raise SqlError(f'interval unit "{unit.name}" not recognized', "22023")
        return Constant(INTERVAL, parse_interval(tree.this.name, name))

    # Casts and operators

    def _paren(self, tree: exp.Paren) -> Node:
        return self.node(tree.this)

    def _cast(self, tree: exp.Cast) -> Node:
        target = type_of(tree.args["to"])
        if isinstance(tree.this, exp.Array) and not tree.this.expressions:
            return Constant(target, target.from_text("{}"))
        node = cast(self.node(tree.this), target)
        return apply_modifiers(node, modifiers(tree.args["to"]))

    def _binary(self, symbol: str, left: exp.Expr, right: exp.Expr) -> Node:
        if symbol in _COMPARISONS.values():
            if isinstance(right, exp.Any):
                return compare_with_any(symbol, self.node(left), self.node(right.this))
            if isinstance(right, exp.Anonymous) and right.name.lower() in ("all", "some"):
                quantify = compare_with_all if right.name.lower() == "all" else compare_with_any
                return quantify(symbol, self.node(left), self.node(right.expressions[0]))
            if isinstance(left, exp.Tuple) or isinstance(right, exp.Tuple):
                return self._compare_rows(symbol, left, right)
        return operator(symbol, self.node(left), self.node(right))

    def _compare_rows(self, symbol: str, left: exp.Expr, right: exp.Expr) -> Node:
        """`(a, b) = (c, d)`, and `<>`: item by item."""
        left_items, right_items = _row_items(left), _row_items(right)
        if len(left_items) != len(right_items):
            raise SqlError("unequal number of entries in row expressions", "42601")
        if symbol not in ("=", "<>"):
            raise not_supported(f"the comparison of rows by {symbol}", "compare the columns")
        pairs = zip(left_items, right_items, strict=True)
        return logic(symbol == "=", [self._binary(symbol, a, b) for a, b in pairs])

    def _operator(self, tree: exp.Operator) -> Node:
        symbol = tree.args["operator"].rpartition(".")[2]
        if symbol in _NEGATED_OPERATORS:
            return negate(self._binary(_NEGATED_OPERATORS[symbol], tree.this, tree.expression))
        return self._binary(symbol, tree.this, tree.expression)

    def _negative(self, tree: exp.Neg) -> Node:
        operand = tree.this
        if isinstance(operand, exp.Literal) and not operand.is_string:
            return _number("-" + operand.name)
        return overloads.operator("-", [self.node(operand)])

    def _bitwise_not(self, tree: exp.BitwiseNot) -> Node:
        return overloads.operator("~", [self.node(tree.this)])

    # Logic

    def _and(self, tree: exp.And) -> Node:
        return logic(True, [self.condition(part, "AND") for part in _flatten(tree)])

    def _or(self, tree: exp.Or) -> Node:
        return logic(False, [self.condition(part, "OR") for part in _flatten(tree)])

    def _not(self, tree: exp.Not) -> Node:
        return negate(self.condition(tree.this, "NOT"))

    def _is(self, tree: exp.Is) -> Node:
        if isinstance(tree.expression, exp.Null):
            test: Node = IsNull(BOOL, self.node(tree.this))
        elif isinstance(tree.expression, exp.Boolean):
            wanted = bool(tree.expression.this)
            operand = self.condition(tree.this, f"IS {str(wanted).upper()}")
            test = Coalesce(BOOL, (operand if wanted else negate(operand), _FALSE))
        else:
            raise not_supported(f"the test {tree.sql('postgres')}")
        return negate(test) if tree.args.get("negate") else test

    def _distinct(self, tree: exp.NullSafeNEQ) -> Node:
        return negate(self._same(tree))

    def _same(self, tree: exp.Binary) -> Node:
        """IS NOT DISTINCT FROM: NULL is the same as NULL."""
        left, right = self.node(tree.this), self.node(tree.expression)
        equal = operator("=", left, right)
        both_null = logic(True, [IsNull(BOOL, left), IsNull(BOOL, right)])
        return Coalesce(BOOL, (equal, both_null))

    def _between(self, tree: exp.Between) -> Node:
        value, low, high = (self.node(tree.args[name]) for name in ("this", "low", "high"))

        def within(low: Node, high: Node) -> Node:
            return logic(True, [operator(">=", value, low), operator("<=", value, high)])

        if tree.args.get("symmetric"):
            return logic(False, [within(low, high), within(high, low)])
        return within(low, high)

    def _in(self, tree: exp.In) -> Node:
        if tree.args.get("query") is not None or tree.args.get("unnest") is not None:
            raise not_supported(f"a subquery in this place: {tree.sql('postgres')}")
        if isinstance(tree.this, exp.Tuple):
            return logic(False, [self._compare_rows("=", tree.this, i) for i in tree.expressions])
        value, items = self.node(tree.this), self.nodes(tree.expressions)
        type_ = common_type([value.type, *(item.type for item in items)], "IN")
        return is_in(cast(value, type_, Context.IMPLICIT), [cast(i, type_) for i in items])

    # Conditionals

    def _case(self, tree: exp.Case) -> Node:
        operand = tree.args.get("this")
        conditions: list[Node] = []
        for branch in tree.args["ifs"]:
            if operand is None:
                conditions.append(self.condition(branch.this, "CASE/WHEN"))
            else:
                conditions.append(self._binary("=", operand, branch.this))
        default = tree.args.get("default")
        results = self.nodes([branch.args["true"] for branch in tree.args["ifs"]])
        results.append(Constant(UNKNOWN, None) if default is None else self.node(default))
        type_, results = _unify(results, "CASE")
        *values, last = results
        return Case(type_, tuple(zip(conditions, values, strict=True)), last)

    def _coalesce(self, tree: exp.Coalesce) -> Node:
        type_, operands = _unify(self.nodes([tree.this, *tree.expressions]), "COALESCE")
        return operands[0] if len(operands) == 1 else Coalesce(type_, tuple(operands))

    def _nullif(self, tree: exp.Nullif) -> Node:
        left, right = self.node(tree.this), self.node(tree.expression)
        equal = operator("=", left, right)
        if left.type is UNKNOWN:
            left = cast(left, TEXT)
        return Case(left.type, ((equal, Constant(left.type, None)),), left)

    def _extreme(self, tree: exp.Greatest | exp.Least) -> Node:
        name = "greatest" if isinstance(tree, exp.Greatest) else "least"
        _, operands = _unify(self.nodes([tree.this, *tree.expressions]), name.upper())
        return call_function(name, operands) if len(operands) > 1 else operands[0]

    # Strings

    def _like(self, tree: exp.Like | exp.ILike, escape: exp.Expr | None = None) -> Node:
        name = "~~*" if isinstance(tree, exp.ILike) else "~~"
        if isinstance(tree.expression, exp.Any):
            items = self.node(tree.expression.this)
            matched = compare_with_any(name, self.node(tree.this), items)
        elif escape is not None:
            operands = [tree.this, tree.expression, escape]
            matched = overloads.call(
                "like_escape" if name == "~~" else "ilike_escape", self.nodes(operands)
            )
        else:
            matched = operator(name, self.node(tree.this), self.node(tree.expression))
        return negate(matched) if tree.args.get("negate") else matched

    def _escape(self, tree: exp.Escape) -> Node:
        if not isinstance(tree.this, exp.Like | exp.ILike):
            raise not_supported(f"the expression {tree.sql('postgres')}")
        return self._like(tree.this, tree.expression)

    def _position(self, tree: exp.StrPosition) -> Node:
        return self._call("position", [tree.args["substr"], tree.this])

    def _substring(self, tree: exp.Substring) -> Node:
        parts = [tree.this, tree.args.get("start"), tree.args.get("length")]
        if parts[1] is None:
            parts[1] = exp.Literal.number(1)
        return self._call("substring", [part for part in parts if part is not None])

    def _trim(self, tree: exp.Trim) -> Node:
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
            tree.args.get("position") or "", "btrim"
        )
        characters = tree.args.get("expression")
        return self._call(name, [tree.this] if characters is None else [tree.this, characters])

    def _overlay(self, tree: exp.Overlay) -> Node:
        parts = [tree.this, tree.expression, tree.args["from_"], tree.args.get("for_")]
        return self._call("overlay", [part for part in parts if part is not None])

    def _adjacent_strings(self, tree: exp.Concat) -> Node:
        if all(isinstance(part, exp.Literal) and part.is_string for part in tree.expressions):
            return Constant(UNKNOWN, "".join(part.name for part in tree.expressions))
        return self._call("concat", tree.expressions)

    def _collate(self, tree: exp.Collate) -> Node:
        name = tree.expression.name
        if name.lower() not in ("c", "posix", "default", "ucs_basic"):
            raise not_supported(f'the collation "{name}"', 'text is ordered as by COLLATE "C"')
        return self.node(tree.this)

    # JSON

    def _json_get(self, tree: exp.JSONExtract | exp.JSONExtractScalar) -> Node:
        as_text = isinstance(tree, exp.JSONExtractScalar)
        base = self.node(tree.this)
        symbol = "->>" if as_text else "->"
        if base.type is UNKNOWN:
            base = cast(base, JSONB)
        key = _constant_key(tree.expression)
        if key is None or base.type is not JSONB:
            keys = tree.expression if key is None else _literal_of(key)
            return overloads.operator(symbol, [base, self.node(keys)])
        return JsonGet(TEXT if as_text else JSONB, base, key, as_text)

    # Arrays

    def _array(self, tree: exp.Array) -> Node:
        if not tree.expressions:
            raise SqlError("cannot determine type of empty array", "42P18", hint="ARRAY[]::int[]")
        type_, items = _unify(self.nodes(tree.expressions), "ARRAY")
        return call_function("array", items, array_of(type_))

    def _subscript(self, tree: exp.Bracket) -> Node:
        base = self.node(tree.this)
        if len(tree.expressions) != 1 or isinstance(tree.expressions[0], exp.Slice):
            raise not_supported(f"the subscript {tree.sql('postgres')}")
        if base.type is JSONB:
            return overloads.operator("->", [base, self.node(tree.expressions[0])])
        if not isinstance(base.type, Array):
            raise SqlError(
                f"cannot subscript type {base.type.sql_name} because it is not an array", "42804"
            )
        return call_function("array_item", [base, self.node(tree.expressions[0])])

    # Dates and times

    def _extract(self, tree: exp.Extract) -> Node:
        return self._call("extract", [exp.Literal.string(tree.name.lower()), tree.expression])

    def _at_time_zone(self, tree: exp.AtTimeZone) -> Node:
        return self._call("timezone", [tree.args["zone"], tree.this])

    def _now(self, tree: exp.CurrentTimestamp) -> Node:
        return Session(TIMESTAMPTZ, "now")

    def _today(self, tree: exp.CurrentDate) -> Node:
        return cast(Session(TIMESTAMPTZ, "now"), DATE)

    def _local_timestamp(self, tree: exp.Localtimestamp) -> Node:
        return cast(Session(TIMESTAMPTZ, "now"), TIMESTAMP)

    # Functions

    def _anonymous(self, tree: exp.Anonymous) -> Node:
        if not isinstance(tree.this, str):
            raise not_supported(f"the function name {tree.this.sql('postgres')}")
        return self._call(tree.this.lower(), tree.expressions)

    def _dot(self, tree: exp.Dot) -> Node:
        """`pg_catalog.lower(..)`: functions of the system's schemas may be qualified."""
        schema = tree.this.name.lower()
        if isinstance(tree.expression, exp.Func) and schema in ("pg_catalog", "mz_catalog"):
            return self.node(tree.expression)
        raise not_supported(f"the expression {tree.sql('postgres')}")

    def _call(self, name: str, arguments: Sequence[exp.Expr]) -> Node:
        for argument in arguments:
            if isinstance(argument, exp.Kwarg | exp.Star | exp.Distinct):
                raise not_supported(f"the argument {argument.sql('postgres')} of {name}")
        return call_function(name, self.nodes(arguments))

    def _user(self, tree: exp.CurrentUser) -> Node:
        return Session(TEXT, "current_user")

    def _schema(self, tree: exp.CurrentSchema) -> Node:
        return Session(TEXT, "current_schema")

    def _catalog(self, tree: exp.CurrentCatalog) -> Node:
        return Session(TEXT, "current_database")


_FALSE = Constant(BOOL, False)
_METHODS: dict[type[exp.Expr], Callable[[_Compiler, Any], Node]] = {
    exp.And: _Compiler._and,
    exp.Anonymous: _Compiler._anonymous,
    exp.Array: _Compiler._array,
    exp.AtTimeZone: _Compiler._at_time_zone,
    exp.Between: _Compiler._between,
    exp.BitwiseNot: _Compiler._bitwise_not,
    exp.Boolean: _Compiler._boolean,
    exp.Bracket: _Compiler._subscript,
    exp.Case: _Compiler._case,
    exp.Cast: _Compiler._cast,
    exp.Coalesce: _Compiler._coalesce,
    exp.Collate: _Compiler._collate,
    exp.Column: _Compiler._column,
    exp.Concat: _Compiler._adjacent_strings,
    exp.CurrentCatalog: _Compiler._catalog,
    exp.CurrentDate: _Compiler._today,
    exp.CurrentSchema: _Compiler._schema,
    exp.CurrentTimestamp: _Compiler._now,
    exp.CurrentUser: _Compiler._user,
    exp.Dot: _Compiler._dot,
    exp.Escape: _Compiler._escape,
    exp.Extract: _Compiler._extract,
    exp.Greatest: _Compiler._extreme,
    exp.ILike: _Compiler._like,
    exp.In: _Compiler._in,
    exp.Interval: _Compiler._interval,
    exp.Is: _Compiler._is,
    exp.JSONExtract: _Compiler._json_get,
    exp.JSONExtractScalar: _Compiler._json_get,
    exp.Least: _Compiler._extreme,
    exp.Like: _Compiler._like,
    exp.Literal: _Compiler._literal,
    exp.Localtimestamp: _Compiler._local_timestamp,
    exp.Neg: _Compiler._negative,
    exp.Not: _Compiler._not,
    exp.Null: _Compiler._null,
    exp.NullSafeEQ: _Compiler._same,
    exp.NullSafeNEQ: _Compiler._distinct,
    exp.Nullif: _Compiler._nullif,
    exp.Operator: _Compiler._operator,
    exp.Or: _Compiler._or,
    exp.Overlay: _Compiler._overlay,
    exp.Parameter: _Compiler._parameter,
    exp.Paren: _Compiler._paren,
    exp.RawString: _Compiler._raw_string,
    exp.SessionUser: _Compiler._user,
    exp.StrPosition: _Compiler._position,
    exp.Substring: _Compiler._substring,
    exp.Trim: _Compiler._trim,
}


def operator(symbol: str, left: Node, right: Node) -> Node:
    return call_operator(symbol, [left, right])


def logic(is_and: bool, operands: Sequence[Node]) -> Node:
    return operands[0] if len(operands) == 1 else Logic(BOOL, is_and, tuple(operands))


def negate(node: Node) -> Node:
    return overloads.call("not", [node])


def is_in(value: Node, items: Sequence[Node]) -> Node:
    """`value IN (items)`, all of one type: by a set if all items are constants."""
    constants = [item.value for item in items if isinstance(item, Constant)]
    if len(constants) < len(items) or value.type is INTERVAL or not can_hash(value.type):
        return logic(False, [operator("=", value, item) for item in items])
    wanted = frozenset(constant for constant in constants if constant is not None)
    member = Call(BOOL, MEMBER, (value, Constant(value.type, wanted)))
    if None not in constants:
        return member
    return logic(False, [member, Constant(BOOL, None)])


def can_hash(type_: SqlType) -> bool:
    """Whether SQL's = on the type is Python's == on its values."""
    return type_ is not INTERVAL and not isinstance(type_, Array)


MEMBER = Function("in", (TEXT, TEXT), BOOL, template="{0} in {1}")


def _unify(nodes: Sequence[Node], what: str) -> tuple[SqlType, list[Node]]:
    type_ = common_type([node.type for node in nodes], what)
    return type_, [cast(node, type_, Context.IMPLICIT) for node in nodes]


def _number(text: str) -> Constant:
    """A number as SQL reads it: int4, or int8, or else numeric."""
    if text.lstrip("-").isdigit():
        for type_ in (INT4, INT8):
            if len(text) < 30 and type_.least <= int(text) <= type_.most:
                return Constant(type_, int(text))
    return Constant(NUMERIC, NUMERIC.from_text(text))


def _row_items(tree: exp.Expr) -> Sequence[exp.Expr]:
    tree = tree.unnest()
    if isinstance(tree, exp.Tuple):
        return tree.expressions
    return [tree]


def _flatten(tree: exp.And | exp.Or) -> list[exp.Expr]:
    """The operands of a chain of the same connector; iterative, for chains can be long."""
    kind = type(tree)
    pending: list[exp.Expr] = [tree]
    parts: list[exp.Expr] = []
    while pending:
        part = pending.pop()
        inner = part.this if isinstance(part, exp.Paren) else part
        if type(inner) is kind:
            pending += [inner.expression, inner.this]
        else:
            parts.append(part)
    return parts


def _constant_key(tree: exp.Expr) -> str | int | None:
    """The key or index that a constant right operand of `->` is; None if it is no constant."""
    if isinstance(tree, exp.JSONPath) and len(tree.expressions) == 2:
        part = tree.expressions[1]
        if isinstance(part, exp.JSONPathKey | exp.JSONPathSubscript) and isinstance(
            part.this, str | int
        ):
            return part.this
        raise not_supported(f"the key {part.sql('postgres')} of ->")
    if isinstance(tree, exp.Literal):
        return tree.name if tree.is_string else int(tree.name)
    if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal):
        return -int(tree.this.name)
    return None


def _literal_of(key: str | int) -> exp.Expr:
    return exp.Literal.string(key) if isinstance(key, str) else exp.Literal.number(key)
