"""The string types text, varchar, char and name, bytea, and the unknown type of quoted literals.

Text is a Python str, ordered by code point, as the C collation orders UTF-8.
"""

from __future__ import annotations

import re
from typing import Any

from engine.types.base import SqlType, invalid_binary, invalid_syntax


class Text(SqlType):
    def to_text(self, value: Any) -> str:
        return str(value)

    def from_text(self, text: str) -> str:
        return text

    def to_binary(self, value: Any) -> bytes:
        return str(value).encode()

    def from_binary(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise invalid_binary(self.sql_name, data) from error


_OCTAL = re.compile(rb"\\(?:\\|([0-3][0-7]{2})|(.?))", re.DOTALL)


class Bytea(SqlType):
    """Bytes; text in the hex form `\\x1f`, and read in the older escape form too."""

    def to_text(self, value: Any) -> str:
        return "\\x" + bytes(value).hex()

    def from_text(self, text: str) -> bytes:
        if text.startswith("\\x"):
            try:
                return bytes.fromhex(text[2:])
            except ValueError as error:
                raise invalid_syntax(self.sql_name, text, "invalid hexadecimal data") from error

        def unescape(match: re.Match[bytes]) -> bytes:
            if match[2] is not None:
                raise invalid_syntax(self.sql_name, text, "invalid escape sequence")
            return bytes([int(match[1], 8)]) if match[1] else b"\\"

        return _OCTAL.sub(unescape, text.encode())

    def to_binary(self, value: Any) -> bytes:
        return bytes(value)

    def from_binary(self, data: bytes) -> bytes:
        return bytes(data)


TEXT = Text("text", "text", 25, 1009, -1, "S")
VARCHAR = Text("varchar", "character varying", 1043, 1015, -1, "S")
BPCHAR = Text("bpchar", "character", 1042, 1014, -1, "S")
NAME = Text("name", "name", 19, 1003, -1, "S")
UNKNOWN = Text("unknown", "unknown", 705, 0, -1, "X")
BYTEA = Bytea("bytea", "bytea", 17, 1001, -1, "U")
