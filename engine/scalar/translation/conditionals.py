"""CASE, COALESCE, NULLIF, GREATEST and LEAST."""

from __future__ import annotations

from sqlglot import exp

from engine.scalar.building import operator
from engine.scalar.calls import call_function
from engine.scalar.casts import cast
from engine.scalar.coercion import unify
from engine.scalar.nodes import Case, Coalesce, Constant, Node
from engine.scalar.translation.operators import binary
from engine.scalar.translation.translator import Translator, translates
from engine.types import TEXT, UNKNOWN


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
