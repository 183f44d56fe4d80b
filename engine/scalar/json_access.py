"""How generated code takes values out of decoded JSON."""

from __future__ import annotations

from typing import Any

from engine.scalar.documents import MISSING
from engine.types import BOOL, FLOAT8, INT2, INT4, INT8, NUMERIC, Jsonb, SqlType
from engine.types.jsonb import as_text


def json_field(value: Any, key: str) -> Any:
    """The field `key`; MISSING where there is none or `value` is no object."""
    return value.get(key, MISSING) if value.__class__ is dict else MISSING


def json_item(value: Any, index: int) -> Any:
    """The item of an array, from the end if negative; MISSING where there is none.

    A value that is neither array nor object is itself its first and last item.
    """
    if value.__class__ is list:
        return value[index] if -len(value) <= index < len(value) else MISSING
    return MISSING if value.__class__ is dict or index not in (0, -1) else value


def json_text(value: Any) -> str | None:
    """Apply `->>` to a value that may be MISSING."""
    return None if value is MISSING else as_text(value)


def _reader(type_: SqlType) -> Any:
    def read(value: Any) -> Any:
        text = json_text(value)
        return None if text is None else type_.from_text(text)

    return read


NAMES: dict[str, Any] = {
    "json_field": json_field,
    "json_item": json_item,
    "json_text": json_text,
    "Jsonb": Jsonb,
    "read_int2": _reader(INT2),
    "read_int4": _reader(INT4),
    "read_int8": _reader(INT8),
    "read_float8": _reader(FLOAT8),
    "read_numeric": _reader(NUMERIC),
    "read_bool": _reader(BOOL),
}

_INTEGER = (
    "{{0}} if {{0}}.__class__ is int and {type.least} <= {{0}} <= {type.most}"
    " else read_{type.name}({{0}})"
)

READERS = {
    **{f"text_to_{type_.name}": _INTEGER.format(type=type_) for type_ in (INT2, INT4, INT8)},
    "text_to_bool": "{0} if {0}.__class__ is bool else read_bool({0})",
    "text_to_float8": "read_float8({0})",
    "text_to_numeric": "read_numeric({0})",
}
"""By the name of a cast of text: what it is of the decoded value itself, for `(j ->> 'x')::int`,
which thus need not print a number to read it again."""
