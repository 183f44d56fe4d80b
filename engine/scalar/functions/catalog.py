"""Functions about types, which drivers ask for when they look for types of their own."""

from __future__ import annotations

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import REGTYPE, TEXT, by_name


def to_regtype(name: str) -> int | None:
    """The oid of the type of that name, NULL if there is none."""
    try:
        return by_name(name).oid
    except SqlError:
        return None


define("to_regtype", (TEXT,), REGTYPE, to_regtype, gives_null=True)
