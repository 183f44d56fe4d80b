"""From sqlglot's trees to typed expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from engine.scalar.scalar import Scalar
from engine.types import SqlType


@dataclass
class Scope:
    """What the names in an expression stand for.

    `find` is asked for every part of the tree before anything else, and gives (index in the row,
    type) for what the row holds: a column, or a whole expression that was computed below, such
    as an aggregate or a GROUP BY key; None for the rest. For an `exp.Column` that it does not
    know it may raise its own SqlError. `parameters` are the types of `$1`, `$2` .. : those that
    were declared, and those that were inferred while expressions were compiled.
    """

    find: Callable[[exp.Expr], tuple[int, SqlType] | None]
    parameters: dict[int, SqlType] = field(default_factory=dict)


def compile_scalar(tree: exp.Expr, scope: Scope, *, keep_unknown: bool = False) -> Scalar:
    """Give the expression its type and functions.

    A quoted literal or NULL whose type nothing tells becomes text, unless `keep_unknown` asks to
    leave it unknown, for a caller that will `coerce` it (the branches of a UNION, VALUES).
    Raises SqlError for unknown columns, functions, types, and operands that do not fit.
    """
    raise NotImplementedError


def coerce(scalar: Scalar, target: SqlType, what: str) -> Scalar:
    """Convert implicitly, as for an assignment (INSERT, UNION); `what` names it in the error."""
    raise NotImplementedError


def common_type(types: list[SqlType], what: str) -> SqlType:
    """The type to which all convert implicitly (UNION, CASE, VALUES); raises SqlError 42804."""
    raise NotImplementedError
