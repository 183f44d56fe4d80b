"""Operators by their symbols; comparisons of rows, and with ANY and ALL, are taken apart."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar import overloads
from engine.scalar.calls import compare_with_all, compare_with_any, logic, negate, operator
from engine.scalar.nodes import Node
from engine.scalar.translation.literals import number
from engine.scalar.translation.translator import Translator, translates

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}

BINARY: dict[type[exp.Expr], str] = {
    **COMPARISONS,
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


def binary(translator: Translator, symbol: str, left: exp.Expr, right: exp.Expr) -> Node:
    """The operator `symbol` applied; a comparison may be one of rows, or with ANY or ALL."""
    if symbol in COMPARISONS.values():
        if isinstance(right, exp.Any):
            return compare_with_any(symbol, translator.node(left), translator.node(right.this))
        if isinstance(right, exp.All):
            return compare_with_all(symbol, translator.node(left), translator.node(right.this))
        if isinstance(right, exp.Anonymous) and right.name.lower() in ("all", "some"):
            quantify = compare_with_all if right.name.lower() == "all" else compare_with_any
            return quantify(symbol, translator.node(left), translator.node(right.expressions[0]))
        if isinstance(left, exp.Tuple) or isinstance(right, exp.Tuple):
            return compare_rows(translator, symbol, left, right)
    return operator(symbol, translator.node(left), translator.node(right))


def compare_rows(translator: Translator, symbol: str, left: exp.Expr, right: exp.Expr) -> Node:
    """`(a, b) = (c, d)`, and `<>`: item by item."""
    left_items, right_items = row_items(left), row_items(right)
    if len(left_items) != len(right_items):
        raise SqlError("unequal number of entries in row expressions", "42601")
    if symbol not in ("=", "<>"):
        raise not_supported(f"the comparison of rows by {symbol}", "compare the columns")
    pairs = zip(left_items, right_items, strict=True)
    return logic(symbol == "=", [binary(translator, symbol, a, b) for a, b in pairs])


@translates(*BINARY)
def binary_operator(translator: Translator, tree: exp.Binary) -> Node:
    return binary(translator, BINARY[type(tree)], tree.this, tree.expression)


@translates(exp.Operator)
def named_operator(translator: Translator, tree: exp.Operator) -> Node:
    symbol = tree.args["operator"].rpartition(".")[2]
    if symbol in _NEGATED_OPERATORS:
        return negate(binary(translator, _NEGATED_OPERATORS[symbol], tree.this, tree.expression))
    return binary(translator, symbol, tree.this, tree.expression)


@translates(exp.Neg)
def negative(translator: Translator, tree: exp.Neg) -> Node:
    operand = tree.this
    if isinstance(operand, exp.Literal) and not operand.is_string:
        return number("-" + operand.name)
    return overloads.operator("-", [translator.node(operand)])


@translates(exp.BitwiseNot)
def bitwise_not(translator: Translator, tree: exp.BitwiseNot) -> Node:
    return overloads.operator("~", [translator.node(tree.this)])


def row_items(tree: exp.Expr) -> Sequence[exp.Expr]:
    tree = tree.unnest()
    if isinstance(tree, exp.Tuple):
        return tree.expressions
    return [tree]
