"""Z-sets: multisets whose weights may be negative (Budiu et al., DBSP, 2023).

A Z-set maps a row to its weight, and a weight is never 0: code that modifies one keeps that true.
A relation's contents are a Z-set without negative weights, a change is any Z-set, and contents +
change = new contents.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""A SQL value as a Python object, None for NULL; `engine.types` defines it for each type."""

Row: TypeAlias = tuple[Value, ...]
ZSet: TypeAlias = dict[Row, int]


def add(into: ZSet, change: ZSet) -> None:
    """Add `change` to `into`, in place; rows whose weight becomes 0 leave it."""
    for row, weight in change.items():
        total = into.get(row, 0) + weight
        if total:
            into[row] = total
        else:
            del into[row]


def add_row(into: ZSet, row: Row, weight: int) -> None:
    """Add `weight` (not 0) copies of the row, in place."""
    total = into.get(row, 0) + weight
    if total:
        into[row] = total
    else:
        del into[row]


def negate(zset: ZSet) -> ZSet:
    return {row: -weight for row, weight in zset.items()}
