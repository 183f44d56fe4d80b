"""SQL's functions and operators, a module for each family; importing this makes all known."""

from engine.scalar.functions import (
    anything,
    arithmetic,
    arrays,
    binary,
    catalog,
    comparison,
    conversions,
    dates,
    fields,
    formatting,
    json,
    math,
    patterns,
    session,
    text,
)

__all__ = [
    "anything",
    "arithmetic",
    "arrays",
    "binary",
    "catalog",
    "comparison",
    "conversions",
    "dates",
    "fields",
    "formatting",
    "json",
    "math",
    "patterns",
    "session",
    "text",
]
