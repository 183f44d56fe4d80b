"""From typed expressions to Python functions over rows.

All expressions of one function are computed together, so what they share is computed once. What is
made here takes a row at a time; `batch.py` makes the functions that take many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from engine.code import define, room_for_nesting, row_of
from engine.scalar.emitter import Emitter
from engine.scalar.environment import Evaluation
from engine.scalar.nodes import Node
from engine.scalar.prepare import prepare
from engine.scalar.scalar import Scalar
from engine.zset import Row, Value

RowFunction: TypeAlias = Callable[[Row], Row | None]


def compile_rows(
    scalars: Sequence[Scalar], filter: Scalar | None = None, evaluation: Evaluation | None = None
) -> RowFunction:
    """A function from a row to the row of the scalars' values, None where `filter` is not true.

    It raises SqlError where evaluating fails. `evaluation` is needed if parameters or session
    functions are read.
    """
    with room_for_nesting():
        return row_function(*prepared(scalars, filter, evaluation))


def compile_value(scalar: Scalar, evaluation: Evaluation | None = None) -> Callable[[Row], Value]:
    """A function from a row to the one value; it raises SqlError where evaluating fails."""
    with room_for_nesting():
        return value_function(prepare(scalar.node, evaluation))


def prepared(
    scalars: Sequence[Scalar], filter: Scalar | None, evaluation: Evaluation | None
) -> tuple[list[Node], Node | None]:
    """The nodes of the values and of the condition, ready for code to be written for them."""
    nodes = [prepare(scalar.node, evaluation) for scalar in scalars]
    return nodes, None if filter is None else prepare(filter.node, evaluation)


def row_function(nodes: Sequence[Node], condition: Node | None) -> RowFunction:
    """The function of a row that raises SqlError for what cannot be evaluated."""
    emitter = Emitter(roots(nodes, condition), value_function)
    emit_row(emitter, nodes, condition, "return None", "return {}")
    return _careful(emitter)


def value_function(node: Node) -> Callable[[Row], Value]:
    emitter = Emitter([node], value_function)
    emitter.line(f"return {emitter.value(node)}")
    return _careful(emitter)


def roots(nodes: Sequence[Node], condition: Node | None) -> list[Node]:
    """All expressions that a function computes."""
    return [*nodes, *([] if condition is None else [condition])]


def emit_row(
    emitter: Emitter, nodes: Sequence[Node], condition: Node | None, skip: str, give: str
) -> None:
    """Emit a row's statements; `skip` is what happens to one that the condition leaves out."""
    emitter.line(give.format(row_of(emit_values(emitter, nodes, condition, skip))))


def emit_values(
    emitter: Emitter, nodes: Sequence[Node], condition: Node | None, skip: str
) -> list[str]:
    """Emit the statements that compute a row; return its values' variables."""
    if condition is not None:
        emitter.skip_unless(condition, skip)
    return [emitter.value(node) for node in nodes]


def _careful(emitter: Emitter) -> Callable[[Row], Any]:
    """The function whose statements were emitted, with the decoders that raise SqlError."""
    source = ["def function(r):", *("    " + line for line in emitter.lines)]
    return define("function", source, {**emitter.names, **emitter.slow_names})  # type: ignore[no-any-return]
