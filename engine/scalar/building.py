"""Small nodes that are built in many places."""

from __future__ import annotations

from collections.abc import Sequence

from engine.scalar import overloads
from engine.scalar.calls import call_operator
from engine.scalar.nodes import Constant, Logic, Node
from engine.types import BOOL

FALSE = Constant(BOOL, False)


def operator(symbol: str, left: Node, right: Node) -> Node:
    """Apply a binary operator; raises SqlError 42883 if there is none that fits."""
    return call_operator(symbol, [left, right])


def logic(is_and: bool, operands: Sequence[Node]) -> Node:
    """AND or OR of one or more conditions."""
    return operands[0] if len(operands) == 1 else Logic(BOOL, is_and, tuple(operands))


def negate(node: Node) -> Node:
    """NOT."""
    return overloads.call("not", [node])
