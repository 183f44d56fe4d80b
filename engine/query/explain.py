"""Prints a plan for EXPLAIN: one operator a line, its inputs indented below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.query.plan import (
    AggregateSpec,
    Filter,
    FlatMap,
    Get,
    Join,
    Local,
    Lookup,
    Plan,
    Project,
    Reduce,
    SemiJoin,
    SortKey,
    Temporal,
    TopK,
    Values,
    Window,
)
from engine.query.render import fused
from engine.query.rewrite.share import Program
from engine.scalar import Scalar
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
from engine.scalar.prepare import prepare


def explained(program: Program) -> tuple[str, ...]:
    """The program's operators; `#n` is column n of the operator's input, counted from 0.

    In a join the right row's columns follow the left row's.
    """
    lines: list[str] = []
    for name, plan in program.bindings:
        lines.append(f"with l{name}:")
        lines += ("  " + line for line in _lines(plan))
    lines += _lines(program.result)
    return tuple(lines)


def _lines(plan: Plan) -> Iterator[str]:
    if isinstance(plan, Project | Filter):
        scalars, predicates, below = fused(plan)
        if scalars != below.columns():
            yield f"map ({_list(scalars)})"
        if predicates:
            yield f"filter {' AND '.join(_text(p.node) for p in predicates)}"
        indent = "  " if predicates or scalars != below.columns() else ""
        yield from (indent + line for line in _lines(below))
        return
    yield _operator(plan)
    for child in plan.inputs:
        yield from ("  " + line for line in _lines(child))


def _operator(plan: Plan) -> str:
    match plan:
        case Get():
            return f"get {plan.name} ({plan.id})"
        case Local():
            return f"get l{plan.name}"
        case Values():
            rows = plan.rows[:3]
            more = ", .." if len(plan.rows) > len(rows) else ""
            return f"constant {', '.join(f'({_list(row)})' for row in rows)}{more}"
        case Join():
            return f"join {_keys(plan)}" if plan.keys else "cross join"
        case Lookup():
            when = "" if plan.when is None else f" when {_text(plan.when.node)}"
            return f"look up {_keys(plan)}".rstrip() + when
        case SemiJoin():
            return f"{'anti' if plan.anti else 'semi'}join {_keys(plan)}".rstrip()
        case Reduce():
            return f"reduce by ({_columns(plan.group)}) to ({_aggregates(plan.aggregates)})"
        case TopK():
            return _top_k(plan)
        case Window():
            by = f" by ({_columns(plan.group)})" if plan.group else ""
            order = f" order by {_sort_keys(plan.order)}" if plan.order else ""
            return f"window {_aggregates([plan.call])}{by}{order}"
        case Temporal():
            bounds = (f"time {relation} {_text(bound.node)}" for relation, bound in plan.bounds)
            return f"temporal filter {' AND '.join(bounds)}"
        case FlatMap():
            ordinality = " with ordinality" if plan.ordinality else ""
            return f"flat map {plan.function}({_list(plan.arguments)}){ordinality}"
    return type(plan).__name__.lower()


def _list(scalars: Iterable[Scalar]) -> str:
    return ", ".join(_text(scalar.node) for scalar in scalars)


def _columns(columns: Iterable[int]) -> str:
    return ", ".join(f"#{column}" for column in columns)


def _keys(plan: Join | SemiJoin | Lookup) -> str:
    parts = []
    for key in plan.keys:
        relation = "is" if key.null_safe else "="
        parts.append(f"left {_text(key.left.node)} {relation} right {_text(key.right.node)}")
    return f"on {' AND '.join(parts)}" if parts else ""


def _sort_keys(keys: Iterable[SortKey]) -> str:
    parts = []
    for key in keys:
        nulls = "" if key.nulls_first == key.descending else " nulls "
        nulls += ("first" if key.nulls_first else "last") if nulls else ""
        parts.append(f"#{key.column}{' desc' if key.descending else ''}{nulls}")
    return ", ".join(parts)


def _aggregates(specs: Iterable[AggregateSpec]) -> str:
    parts = []
    for spec in specs:
        inside = ("distinct " if spec.distinct else "") + (_columns(spec.arguments) or "*")
        if spec.order:
            inside += f" order by {_sort_keys(spec.order)}"
        where = "" if spec.accepts is None else f" where #{spec.accepts}"
        parts.append(f"{spec.function}({inside}){where}")
    return ", ".join(parts)


def _top_k(plan: TopK) -> str:
    text = "top-k"
    if plan.group:
        text += f" of each ({_columns(plan.group)})"
    if plan.order:
        text += f" order by {_sort_keys(plan.order)}"
    if plan.limit is not None:
        text += f" limit {_text(plan.limit.node)}"
    return text if plan.offset is None else f"{text} offset {_text(plan.offset.node)}"


def _text(node: Node) -> str:
    match node:
        case Column():
            return f"#{node.index}"
        case Constant():
            return _constant(node)
        case Parameter():
            return f"${node.number}"
        case Session():
            return f"{node.name}()"
        case Call():
            return _call(node)
        case Logic():
            word = " AND " if node.is_and else " OR "
            return f"({word.join(map(_text, node.operands))})"
        case IsNull():
            return f"({_text(node.operand)} IS NULL)"
        case Case():
            branches = (f" WHEN {_text(when)} THEN {_text(then)}" for when, then in node.branches)
            return f"CASE{''.join(branches)} ELSE {_text(node.default)} END"
        case Coalesce():
            return f"coalesce({', '.join(map(_text, node.operands))})"
        case JsonGet():
            key = f"'{node.key}'" if isinstance(node.key, str) else str(node.key)
            return f"({_text(node.base)} {'->>' if node.as_text else '->'} {key})"
    return f"{type(node).__name__.lower()}({', '.join(map(_text, node.children))})"


def _constant(node: Constant) -> str:
    if node.value is None:
        return "NULL"
    if isinstance(node.value, frozenset):  # the list of an IN
        items = sorted(_constant(Constant(node.type, value)) for value in node.value)
        return f"({', '.join(items)})"
    text = node.type.to_text(node.value)
    if node.type.category == "N":
        return text
    if node.type.name == "bool":
        return "true" if node.value else "false"
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _call(node: Call) -> str:
    if all(isinstance(argument, Constant) for argument in node.arguments):
        folded = prepare(node)
        if isinstance(folded, Constant):
            return _constant(folded)
    name, arguments = node.function.name, [_text(argument) for argument in node.arguments]
    if name and not name[0].isalnum() and name[0] != "_":
        if len(arguments) == 2:
            return f"({arguments[0]} {name} {arguments[1]})"
        if len(arguments) == 1:
            return f"({name}{arguments[0]})"
    return f"{name}({', '.join(arguments)})"
