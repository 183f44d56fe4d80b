"""The scope of names, and conversion of expressions to the type that a place requires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from engine.errors import SqlError
from engine.scalar.casts import Context, can_cast, cast
from engine.scalar.nodes import Node, Parameter
from engine.scalar.scalar import Scalar
from engine.types import TEXT, UNKNOWN, SqlType


@dataclass
class Scope:
    """Resolves the names in an expression.

    `find` is asked for every part of the tree before anything else, and gives (index in the row,
    type) for what the row holds: a column, or a whole expression that was computed below, such
    as an aggregate or a GROUP BY key; None for the rest. For an `exp.Column` that it does not
    know it may raise its own SqlError. `parameters` are the types of `$1`, `$2` .. : those that
    were declared, and those that were inferred while expressions were compiled; the unknown type
    where it cannot be inferred (`$1 IS NULL`).
    """

    find: Callable[[exp.Expr], tuple[int, SqlType] | None]
    parameters: dict[int, SqlType] = field(default_factory=dict)


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
        infer(node, scope)
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


def infer(node: Node, scope: Scope) -> None:
    """Store the types of the parameters in `node` in the scope."""
    for child in node.children:
        infer(child, scope)
    if isinstance(node, Parameter) and scope.parameters.get(node.number, UNKNOWN) is UNKNOWN:
        scope.parameters[node.number] = node.type


def unify(nodes: Sequence[Node], what: str) -> tuple[SqlType, list[Node]]:
    type_ = common_type([node.type for node in nodes], what)
    return type_, [cast(node, type_, Context.IMPLICIT) for node in nodes]
