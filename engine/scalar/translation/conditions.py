"""AND, OR, NOT, IS, BETWEEN and IN."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.errors import not_supported
from engine.scalar import overloads
from engine.scalar.calls import FALSE, call_function, logic, negate, operator
from engine.scalar.casts import Context, cast
from engine.scalar.coercion import common_type, unify
from engine.scalar.nodes import Call, Case, Coalesce, Constant, IsNull, Node
from engine.scalar.registry import Function
from engine.scalar.translation.operators import binary, compare_rows
from engine.scalar.translation.translator import Translator, translates
from engine.types import BOOL, FLOAT4, FLOAT8, TEXT, UNKNOWN, Array, SqlType


@translates(exp.And)
def conjunction(translator: Translator, tree: exp.And) -> Node:
    return logic(True, [translator.condition(part, "AND") for part in flatten(tree)])


@translates(exp.Or)
def disjunction(translator: Translator, tree: exp.Or) -> Node:
    return logic(False, [translator.condition(part, "OR") for part in flatten(tree)])


@translates(exp.Not)
def negation(translator: Translator, tree: exp.Not) -> Node:
    return negate(translator.condition(tree.this, "NOT"))


@translates(exp.Is)
def is_test(translator: Translator, tree: exp.Is) -> Node:
    if isinstance(tree.expression, exp.Null):
        test: Node = IsNull(BOOL, translator.node(tree.this))
    elif isinstance(tree.expression, exp.Boolean):
        wanted = bool(tree.expression.this)
        operand = translator.condition(tree.this, f"IS {str(wanted).upper()}")
        test = Coalesce(BOOL, (operand if wanted else negate(operand), FALSE))
    else:
        raise not_supported(f"the test {tree.sql('postgres')}")
    return negate(test) if tree.args.get("negate") else test


@translates(exp.NullSafeNEQ)
def is_distinct(translator: Translator, tree: exp.NullSafeNEQ) -> Node:
    return negate(is_not_distinct(translator, tree))


@translates(exp.NullSafeEQ)
def is_not_distinct(translator: Translator, tree: exp.Binary) -> Node:
    """IS NOT DISTINCT FROM: NULL is the same as NULL."""
    left, right = translator.node(tree.this), translator.node(tree.expression)
    equal = operator("=", left, right)
    both_null = logic(True, [IsNull(BOOL, left), IsNull(BOOL, right)])
    return Coalesce(BOOL, (equal, both_null))


@translates(exp.Between)
def between(translator: Translator, tree: exp.Between) -> Node:
    value, low, high = (translator.node(tree.args[name]) for name in ("this", "low", "high"))

    def within(low: Node, high: Node) -> Node:
        return logic(True, [operator(">=", value, low), operator("<=", value, high)])

    if tree.args.get("symmetric"):
        return logic(False, [within(low, high), within(high, low)])
    return within(low, high)


@translates(exp.In)
def is_in_list(translator: Translator, tree: exp.In) -> Node:
    if tree.args.get("query") is not None or tree.args.get("unnest") is not None:
        raise not_supported(f"a subquery in this place: {tree.sql('postgres')}")
    if isinstance(tree.this, exp.Tuple):
        return logic(False, [compare_rows(translator, "=", tree.this, i) for i in tree.expressions])
    value, *items = overloads.without_blanks(translator.nodes([tree.this, *tree.expressions]))
    type_ = common_type([value.type, *(item.type for item in items)], "IN")
    return is_in(cast(value, type_, Context.IMPLICIT), [cast(i, type_) for i in items])


def flatten(tree: exp.And | exp.Or) -> list[exp.Expr]:
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


def is_in(value: Node, items: Sequence[Node]) -> Node:
    """`value IN (items)`, all of one type: by a set if all items are constants."""
    constants = [item.value for item in items if isinstance(item, Constant)]
    if len(constants) < len(items) or not can_hash(value.type):
        return logic(False, [operator("=", value, item) for item in items])
    wanted = frozenset(constant for constant in constants if constant is not None)
    member = Call(BOOL, MEMBER, (value, Constant(value.type, wanted)))
    if None not in constants:
        return member
    return logic(False, [member, Constant(BOOL, None)])


def can_hash(type_: SqlType) -> bool:
    """Whether SQL's = on the type is Python's == on its values."""
    return type_ not in (FLOAT4, FLOAT8) and not isinstance(type_, Array)


MEMBER = Function("in", (TEXT, TEXT), BOOL, template="{0} in {1}")


@translates(exp.Case)
def case(translator: Translator, tree: exp.Case) -> Node:
    operand = tree.args.get("this")
    conditions: list[Node] = []
    for branch in tree.args["ifs"]:
        if operand is None:
            conditions.append(translator.condition(branch.this, "CASE/WHEN"))
        else:
            conditions.append(binary(translator, "=", operand, branch.this))
    default = tree.args.get("default")
    results = translator.nodes([branch.args["true"] for branch in tree.args["ifs"]])
    results.append(Constant(UNKNOWN, None) if default is None else translator.node(default))
    type_, results = unify(results, "CASE")
    *values, last = results
    return Case(type_, tuple(zip(conditions, values, strict=True)), last)


@translates(exp.Coalesce)
def coalesce(translator: Translator, tree: exp.Coalesce) -> Node:
    type_, operands = unify(translator.nodes([tree.this, *tree.expressions]), "COALESCE")
    return operands[0] if len(operands) == 1 else Coalesce(type_, tuple(operands))


@translates(exp.Nullif)
def nullif(translator: Translator, tree: exp.Nullif) -> Node:
    left, right = translator.node(tree.this), translator.node(tree.expression)
    equal = operator("=", left, right)
    if left.type is UNKNOWN:
        left = cast(left, TEXT)
    return Case(left.type, ((equal, Constant(left.type, None)),), left)


@translates(exp.Greatest, exp.Least)
def greatest_or_least(translator: Translator, tree: exp.Greatest | exp.Least) -> Node:
    name = "greatest" if isinstance(tree, exp.Greatest) else "least"
    _, operands = unify(translator.nodes([tree.this, *tree.expressions]), name.upper())
    return call_function(name, operands) if len(operands) > 1 else operands[0]
