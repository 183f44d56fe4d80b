"""From typed expressions to Python functions over rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from engine.scalar.environment import Evaluation
from engine.scalar.scalar import Scalar
from engine.zset import Row, Value, ZSet

RowFunction: TypeAlias = Callable[[Row], Row | None]
BatchFunction: TypeAlias = Callable[[ZSet], tuple[ZSet, dict[str, int]]]


def compile_rows(
    scalars: Sequence[Scalar], filter: Scalar | None = None, evaluation: Evaluation | None = None
) -> RowFunction:
    """A function from a row to the row of the scalars' values, None where `filter` is not true.

    It raises SqlError where evaluating fails. `evaluation` is needed if parameters or session
    functions are read.
    """
    raise NotImplementedError


def compile_batch(
    scalars: Sequence[Scalar], filter: Scalar | None = None, evaluation: Evaluation | None = None
) -> BatchFunction:
    """A function from a Z-set to (the Z-set of the scalars' rows, errors: text -> weight).

    Rows for which `filter` is not true are left out, rows whose evaluation fails are counted in
    the errors with their weight. What comes out is consolidated, also the errors.
    """
    raise NotImplementedError


def compile_value(scalar: Scalar, evaluation: Evaluation | None = None) -> Callable[[Row], Value]:
    """A function from a row to the one value; it raises SqlError where evaluating fails."""
    raise NotImplementedError
