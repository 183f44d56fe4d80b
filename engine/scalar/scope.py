"""What the names in an expression stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from engine.types import SqlType


@dataclass
class Scope:
    """What the names in an expression stand for.

    `find` is asked for every part of the tree before anything else, and gives (index in the row,
    type) for what the row holds: a column, or a whole expression that was computed below, such
    as an aggregate or a GROUP BY key; None for the rest. For an `exp.Column` that it does not
    know it may raise its own SqlError. `parameters` are the types of `$1`, `$2` .. : those that
    were declared, and those that were inferred while expressions were compiled; the unknown type
    where nothing tells it (`$1 IS NULL`).
    """

    find: Callable[[exp.Expr], tuple[int, SqlType] | None]
    parameters: dict[int, SqlType] = field(default_factory=dict)
