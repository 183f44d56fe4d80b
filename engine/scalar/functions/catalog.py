"""Functions about types, which drivers ask for when they look for types of their own."""

from __future__ import annotations

import re

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import INT4, OID, REGTYPE, TEXT, SqlType, array_of, by_name, by_oid


def to_regtype(name: str) -> int | None:
    """The oid of the type of that name, NULL if there is none."""
    try:
        return by_name(name).oid
    except SqlError:
        return None


define("to_regtype", (TEXT,), REGTYPE, to_regtype, gives_null=True)


def format_type(oid: int | None, modifier: int | None) -> str | None:
    """The name of a type as SQL writes it, with the numbers that `modifier` stands for."""
    if oid is None:
        return None
    try:
        type_ = by_oid(oid)
    except SqlError:
        return "-" if oid == 0 else "???"
    return type_.sql_name + _numbers(type_, -1 if modifier is None else modifier)


def _numbers(type_: SqlType, modifier: int) -> str:
    if modifier < 4:
        return ""
    if type_.name == "numeric":
        return f"({(modifier - 4) >> 16},{(modifier - 4) & 0xFFFF})"
    return f"({modifier - 4})" if type_.name in ("varchar", "bpchar") else ""


def parse_ident(text: str) -> tuple[str, ...]:
    """The parts of a qualified name, folded to lower case unless they are quoted."""
    parts = _PART.findall(text.strip())
    if not parts or ".".join(parts) != text.strip():
        raise SqlError(f'string is not a valid identifier: "{text}"', "22023")
    return tuple(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in parts
    )


_PART = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')

define("parse_ident", (TEXT,), array_of(TEXT), parse_ident, can_fail=True)
define("format_type", (OID, INT4), TEXT, format_type, strict=False, gives_null=True)
