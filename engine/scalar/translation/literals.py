"""Columns, literals, parameters, and casts."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar.casts import cast
from engine.scalar.data_types import apply_modifiers, modifiers, type_of
from engine.scalar.nodes import Constant, Node, Parameter
from engine.scalar.translation.translator import Translator, translates
from engine.types import BOOL, INT4, INT8, INTERVAL, NUMERIC, UNKNOWN
from engine.types.base import bounded_int, shorten
from engine.types.interval_type import FIELDS, limited, unit_of
from engine.types.interval_type import parse as parse_interval

_MOST_PARAMETERS = 65535


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
    number = bounded_int(name, _MOST_PARAMETERS) if name.isascii() and name.isdecimal() else 0
    if not 0 < number <= _MOST_PARAMETERS:
        raise not_supported(f"the operator or parameter {shorten(tree.sql('postgres'))}")
    return Parameter(translator.scope.parameters.get(number, UNKNOWN), number)


@translates(exp.Interval)
def interval(translator: Translator, tree: exp.Interval) -> Node:
    if not isinstance(tree.this, exp.Literal):
        raise not_supported(f"the interval {tree.sql('postgres')}", "multiply an interval")
    unit = tree.args.get("unit")
    if unit is None:
        return Constant(INTERVAL, parse_interval(tree.this.name))
    first, last = unit, unit
    if isinstance(unit, exp.IntervalSpan):
        first, last = unit.this, unit.expression
    decimals = bounded_int(last.expression.name, 6) if isinstance(last, exp.Dot) else 6
    names = [_field(part.this if isinstance(part, exp.Dot) else part) for part in (first, last)]
    if first is not last and FIELDS.index(names[0]) >= FIELDS.index(names[1]):
        raise SqlError(f"invalid range of an interval: {names[0]} to {names[1]}", "42601")
    if decimals > 6:
        raise SqlError("SECOND precision must be (0, 6), found more", "22023")
    start = names[0] if first is not last else "year"
    value = parse_interval(tree.this.name, names[1], start)
    return Constant(INTERVAL, limited(value, start, names[1], decimals))


def _field(tree: exp.Expr) -> str:
    """The name of the unit behind a literal; raises SqlError 22023."""
    name = unit_of(tree.name)
    if name not in FIELDS:
        raise SqlError(f'interval unit "{tree.name}" not recognized', "22023")
    return name


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
