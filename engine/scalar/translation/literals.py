"""Columns, literals, parameters, and casts."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar.casts import cast
from engine.scalar.data_types import apply_modifiers, modifiers, type_of
from engine.scalar.nodes import Constant, Node, Parameter
from engine.scalar.translation.translator import Translator, translates
from engine.types import BOOL, INT4, INT8, INTERVAL, NUMERIC, UNKNOWN
from engine.types.interval import parse as parse_interval
from engine.types.interval import unit_of


@translates(exp.Column)
def column(translator: Translator, tree: exp.Column) -> Node:
    name = ".".join(part.name for part in tree.parts)
    raise SqlError(f'column "{name}" does not exist', "42703")


@translates(exp.Literal)
def literal(translator: Translator, tree: exp.Literal) -> Node:
    if tree.is_string:
        return Constant(UNKNOWN, tree.name)
    return number(tree.name)


@translates(exp.RawString)
def raw_string(translator: Translator, tree: exp.RawString) -> Node:
    return Constant(UNKNOWN, tree.name)


@translates(exp.Concat)
def adjacent_strings(translator: Translator, tree: exp.Concat) -> Node:
    if all(isinstance(part, exp.Literal) and part.is_string for part in tree.expressions):
        return Constant(UNKNOWN, "".join(part.name for part in tree.expressions))
    return translator.call("concat", tree.expressions)


@translates(exp.Boolean)
def boolean(translator: Translator, tree: exp.Boolean) -> Node:
    return Constant(BOOL, bool(tree.this))


@translates(exp.Null)
def null(translator: Translator, tree: exp.Null) -> Node:
    return Constant(UNKNOWN, None)


@translates(exp.Parameter)
def parameter(translator: Translator, tree: exp.Parameter) -> Node:
    name = tree.name
    if not name.isdigit() or not 0 < int(name) <= 65535:
        raise not_supported(f"the operator or parameter {tree.sql('postgres')}")
    return Parameter(translator.scope.parameters.get(int(name), UNKNOWN), int(name))


@translates(exp.Interval)
def interval(translator: Translator, tree: exp.Interval) -> Node:
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


@translates(exp.Paren)
def parenthesis(translator: Translator, tree: exp.Paren) -> Node:
    return translator.node(tree.this)


@translates(exp.Cast)
def explicit_cast(translator: Translator, tree: exp.Cast) -> Node:
    target = type_of(tree.args["to"])
    if isinstance(tree.this, exp.Array) and not tree.this.expressions:
        return Constant(target, target.from_text("{}"))
    node = cast(translator.node(tree.this), target)
    numbers = modifiers(tree.args["to"])
    return apply_modifiers(node, numbers, assigned=bool(tree.args.get("assigned")))


@translates(exp.Collate)
def collate(translator: Translator, tree: exp.Collate) -> Node:
    name = tree.expression.name
    if name.lower() not in ("c", "posix", "default", "ucs_basic"):
        raise not_supported(f'the collation "{name}"', 'text is ordered as by COLLATE "C"')
    return translator.node(tree.this)


def number(text: str) -> Constant:
    """A number as SQL reads it: int4, or int8, or else numeric."""
    if text.lstrip("-").isdigit():
        for type_ in (INT4, INT8):
            if len(text) < 30 and type_.least <= int(text) <= type_.most:
                return Constant(type_, int(text))
    return Constant(NUMERIC, NUMERIC.from_text(text))
