"""SQL's functions and operators, a module for each family; importing this makes all known."""

from engine.scalar.functions import (
    arithmetic,
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
    text,
)

__all__ = [
    "arithmetic",
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
    "text",
]
