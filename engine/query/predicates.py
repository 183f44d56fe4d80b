"""Predicates in the planner: splits them at AND, finds equalities, moves columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.query.plan import JoinKey
from engine.scalar import Scalar
from engine.scalar.nodes import Call, Column, Constant, Logic, walk
from engine.types import BOOL, INTERVAL, Array, SqlType


def conjuncts(scalars: Iterable[Scalar]) -> Iterator[Scalar]:
    """The conditions that are joined by AND, without those that are always true."""
    for scalar in scalars:
        node = scalar.node
        if isinstance(node, Logic) and node.is_and:
            yield from conjuncts(map(Scalar, node.operands))
        elif not (isinstance(node, Constant) and node.value is True):
            yield scalar


def conjunction(scalars: Iterable[Scalar]) -> Scalar | None:
    """The conditions joined by AND, tried in order; None if there is none."""
    nodes = tuple(scalar.node for scalar in scalars)
    if not nodes:
        return None
    return Scalar(nodes[0] if len(nodes) == 1 else Logic(BOOL, True, nodes))


def equality(predicate: Scalar) -> tuple[Scalar, Scalar] | None:
    """Both sides of `left = right`, if SQL and Python agree on which values are equal.

    For intervals they do not: one month equals thirty days, but they are different values.
    """
    node = predicate.node
    if not isinstance(node, Call) or node.function.name != "=" or len(node.arguments) != 2:
        return None
    left, right = node.arguments
    if left.type is not right.type or not _hashed_as_compared(left.type):
        return None
    return Scalar(left), Scalar(right)


def _hashed_as_compared(type_: SqlType) -> bool:
    return not (type_ is INTERVAL or (isinstance(type_, Array) and type_.element is INTERVAL))


def substituted(scalar: Scalar, columns: Mapping[int, Scalar]) -> Scalar:
    """Replace the columns that are in the mapping."""
    known = {
        node.index: columns.get(node.index, Scalar(node))
        for node in walk(scalar.node)
        if isinstance(node, Column)
    }
    return scalar.over(known) if known else scalar


def shifted(scalar: Scalar, by: int) -> Scalar:
    """The expression over a row whose columns are `by` places further right."""
    return scalar.moved({index: index + by for index in scalar.columns}) if by else scalar


def key_of(predicate: Scalar, boundary: int) -> JoinKey | None:
    """The join key of an equality between an expression of the left and one of the right row.

    The left row has `boundary` columns. None for other predicates.
    """
    sides = equality(predicate)
    if sides is None:
        return None
    left, right = sides
    if left.columns and min(left.columns) >= boundary:
        left, right = right, left
    if not left.columns or not right.columns:
        return None
    if max(left.columns) >= boundary or min(right.columns) < boundary:
        return None
    return JoinKey(left, shifted(right, -boundary))
