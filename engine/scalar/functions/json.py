"""Operators and functions on jsonb; `->` and `->>` with constant keys are `JsonGet` nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from engine.scalar.documents import MISSING
from engine.scalar.functions.conversions import json_kind
from engine.scalar.json_access import json_field, json_item, json_text
from engine.scalar.registry import define
from engine.types import BOOL, INT4, INT8, JSONB, TEXT, Jsonb, array_of
from engine.types.jsonb import deeply

_TEXTS = array_of(TEXT)
Get = Callable[[Any, Any], Any]

# Access


def _as_json(get: Get) -> Callable[[Jsonb, Any], Jsonb | None]:
    def run(document: Jsonb, key: Any) -> Jsonb | None:
        found = get(document.value, key)
        return None if found is MISSING else Jsonb(found)

    return run


def _as_text(get: Get) -> Callable[[Jsonb, Any], str | None]:
    return lambda document, key: json_text(get(document.value, key))


def json_path(value: Any, path: tuple[str | None, ...]) -> Any:
    """Follow keys and indexes of arrays; MISSING if they lead nowhere."""
    for step in path:
        if step is None:
            return MISSING
        if isinstance(value, list):
            digits = step.removeprefix("-")
            if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
                return MISSING
            value = json_item(value, int(step))
        else:
            value = json_field(value, step)
    return value


for _key, _get in ((TEXT, json_field), (INT4, json_item), (INT8, json_item)):
    define("->", (JSONB, _key), JSONB, _as_json(_get), gives_null=True)
    define("->>", (JSONB, _key), TEXT, _as_text(_get), gives_null=True)
define("#>", (JSONB, _TEXTS), JSONB, _as_json(json_path), gives_null=True)
define("#>>", (JSONB, _TEXTS), TEXT, _as_text(json_path), gives_null=True)


def extract_path(document: Jsonb, *path: str) -> Jsonb | None:
    return _as_json(json_path)(document, path)


def extract_path_text(document: Jsonb, *path: str) -> str | None:
    return _as_text(json_path)(document, path)


_options: dict[str, Any] = {"gives_null": True, "variadic": True}
define("jsonb_extract_path", (JSONB, TEXT), JSONB, extract_path, **_options)
define("jsonb_extract_path_text", (JSONB, TEXT), TEXT, extract_path_text, **_options)

# Tests


def same(left: Any, right: Any) -> bool:
    """Whether two decoded values are the same JSON; true is not 1."""
    return Jsonb(left) == Jsonb(right)


def contains(outer: Any, inner: Any) -> bool:
    """PostgreSQL's @>: objects by their fields, arrays by their items, in any order."""
    if isinstance(inner, dict):
        return isinstance(outer, dict) and all(
            key in outer and contains(outer[key], value) for key, value in inner.items()
        )
    if isinstance(inner, list):
        return isinstance(outer, list) and all(
            any(contains(candidate, item) for candidate in outer) for item in inner
        )
    return not isinstance(outer, dict | list) and same(outer, inner)


def document_contains(outer: Jsonb, inner: Jsonb) -> bool:
    """At the top an array also contains what one of its items does."""
    if isinstance(outer.value, list) and not isinstance(inner.value, list):
        return any(deeply(contains, item, inner.value) for item in outer.value)
    return deeply(contains, outer.value, inner.value)


define("@>", (JSONB, JSONB), BOOL, document_contains)
define("<@", (JSONB, JSONB), BOOL, lambda inner, outer: document_contains(outer, inner))


def has_key(document: Jsonb, key: str | None) -> bool:
    """Whether the string is a key of the object, an item of the array, or the string itself."""
    value = document.value
    return (
        value == key if isinstance(value, str) else isinstance(value, dict | list) and key in value
    )


define("?", (JSONB, TEXT), BOOL, has_key)
define("?|", (JSONB, _TEXTS), BOOL, lambda j, keys: any(has_key(j, key) for key in keys))
define("?&", (JSONB, _TEXTS), BOOL, lambda j, keys: all(has_key(j, key) for key in keys))
define("jsonb_typeof", (JSONB,), TEXT, lambda document: json_kind(document.value))


def array_length(document: Jsonb) -> int | None:
    """NULL for what is no array."""
    return len(document.value) if isinstance(document.value, list) else None


define("jsonb_array_length", (JSONB,), INT4, array_length, gives_null=True)

# Making other documents


def concatenate(left: Jsonb, right: Jsonb) -> Jsonb | None:
    """Objects are merged, the right one's fields win; arrays joined, also with other values.

    NULL for two values of which none is an array, unless both are objects.
    """
    a, b = left.value, right.value
    if isinstance(a, dict) and isinstance(b, dict):
        return Jsonb({**a, **b})
    if not isinstance(a, list) and not isinstance(b, list):
        return None
    return Jsonb([*(a if isinstance(a, list) else [a]), *(b if isinstance(b, list) else [b])])


def without_key(document: Jsonb, key: str) -> Jsonb | None:
    """Without the fields, or the items, of that name; NULL for single values."""
    value = document.value
    if isinstance(value, dict):
        return Jsonb({k: v for k, v in value.items() if k != key})
    if isinstance(value, list):
        return Jsonb([item for item in value if item != key])
    return None


def without_item(document: Jsonb, index: int) -> Jsonb | None:
    """Without the item at the index; NULL for what is no array."""
    value = document.value
    if not isinstance(value, list):
        return None
    if not -len(value) <= index < len(value):
        return document
    at = index % len(value)
    return Jsonb(value[:at] + value[at + 1 :])


define("||", (JSONB, JSONB), JSONB, concatenate, gives_null=True)
define("-", (JSONB, TEXT), JSONB, without_key, gives_null=True)
define("-", (JSONB, INT4), JSONB, without_item, gives_null=True)
define("-", (JSONB, INT8), JSONB, without_item, gives_null=True)


def without_nulls(value: Any) -> Any:
    """Without the fields that are null, at every level; nulls in arrays stay."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def pretty(value: Any, indent: str = "") -> str:
    """A field or item a line, indented by four blanks a level."""
    inner = indent + "    "
    if isinstance(value, dict) and value:
        lines = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {pretty(item, inner)}"
            for key, item in sorted(value.items())
        ]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    return Jsonb(value).text


def strip_nulls(document: Jsonb) -> Jsonb:
    return Jsonb(deeply(without_nulls, document.value))


define("jsonb_strip_nulls", (JSONB,), JSONB, strip_nulls)
define("jsonb_pretty", (JSONB,), TEXT, lambda document: deeply(pretty, document.value))
