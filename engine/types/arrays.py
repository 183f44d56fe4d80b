"""Arrays of one dimension: a tuple of values, None for NULL."""

from __future__ import annotations

import re
import struct
from typing import Any

from engine.errors import not_supported
from engine.types.base import SqlType, invalid_binary, invalid_syntax

_PLAIN = re.compile(r'[^\s{}",\\]+')
_ITEM = re.compile(
    r'\s*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"\s*+|(?P<plain>(?:[^{}",\\]|\\.)++))(?P<end>[,}])',
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Array(SqlType):
    """`element[]`; its text is `{a,"b c",NULL}`."""

    def __init__(self, element: SqlType) -> None:
        super().__init__(
            f"{element.name}[]", f"{element.sql_name}[]", element.array_oid, 0, -1, "A"
        )
        self.element = element

    def to_text(self, value: Any) -> str:
        return "{" + ",".join(map(self._item_text, value)) + "}"

    def _item_text(self, item: Any) -> str:
        if item is None:
            return "NULL"
        text = self.element.to_text(item)
        if _PLAIN.fullmatch(text) and text.upper() != "NULL":
            return text
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def from_text(self, text: str) -> tuple[Any, ...]:
        trimmed = text.strip()
        if not trimmed.startswith("{"):
            raise invalid_syntax(self.sql_name, text, "expected a left brace")
        if trimmed[1:].lstrip() == "}":
            return ()
        items: list[Any] = []
        at, end = 1, ","
        while end == ",":
            match = _ITEM.match(trimmed, at)
            if match is None:
                if trimmed[at:].lstrip().startswith("{"):
                    raise not_supported("an array of more than one dimension")
                raise invalid_syntax(self.sql_name, text, "malformed array literal")
            items.append(self._item(match))
            at, end = match.end(), match["end"]
        if at != len(trimmed):
            raise invalid_syntax(self.sql_name, text, "junk after the closing right brace")
        return tuple(items)

    def _item(self, match: re.Match[str]) -> Any:
        if match["plain"] is None:
            return self.element.from_text(_ESCAPE.sub(r"\1", match["quoted"]))
        plain = match["plain"].strip()
        return (
            None if plain.upper() == "NULL" else self.element.from_text(_ESCAPE.sub(r"\1", plain))
        )

    def to_binary(self, value: Any) -> bytes:
        has_null = None in value
        dimensions = 1 if value else 0
        parts = [struct.pack(">iiI", dimensions, has_null, self.element.oid)]
        if value:
            parts.append(struct.pack(">ii", len(value), 1))
        for item in value:
            data = None if item is None else self.element.to_binary(item)
            parts.append(struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)))
            parts.append(data or b"")
        return b"".join(parts)

    def from_binary(self, data: bytes) -> tuple[Any, ...]:
        try:
            dimensions, _has_null, _oid = struct.unpack_from(">iiI", data)
            if dimensions > 1:
                raise not_supported("an array of more than one dimension")
            count = struct.unpack_from(">i", data, 12)[0] if dimensions else 0
            at, items = 20 if dimensions else 12, list[Any]()
            for _ in range(count):
                (length,) = struct.unpack_from(">i", data, at)
                at += 4
                if length < 0:
                    items.append(None)
                    continue
                if at + length > len(data):
                    raise invalid_binary(self.sql_name, data)
                items.append(self.element.from_binary(data[at : at + length]))
                at += length
        except struct.error as error:
            raise invalid_binary(self.sql_name, data) from error
        if at != len(data):
            raise invalid_binary(self.sql_name, data)
        return tuple(items)

    def sort_key(self, value: Any) -> Any:
        return tuple(
            (1, None) if item is None else (0, self.element.sort_key(item)) for item in value
        )


class Vector(Array):
    """`int2vector`, an array of PostgreSQL's catalog; its text is `1 2`."""

    def __init__(self, element: SqlType, name: str, oid: int, array_oid: int) -> None:
        super().__init__(element)
        self.name = self.sql_name = name
        self.oid, self.array_oid = oid, array_oid

    def to_text(self, value: Any) -> str:
        return " ".join(map(self._item_text, value))

    def from_text(self, text: str) -> tuple[Any, ...]:
        return tuple(self.element.from_text(item) for item in text.split())
