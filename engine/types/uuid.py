"""uuid: 16 bytes, printed as 32 hexadecimal digits in five groups."""

from __future__ import annotations

import re
import uuid
from typing import Any

from engine.types.base import SqlType, invalid_binary, invalid_syntax

_UUID = re.compile(r"\{?(?:[0-9a-f]{4}-?){8}\}?", re.ASCII | re.IGNORECASE)


class Uuid(SqlType):
    def to_text(self, value: Any) -> str:
        return str(value)

    def from_text(self, text: str) -> uuid.UUID:
        trimmed = text.strip()
        if not _UUID.fullmatch(trimmed) or trimmed.startswith("{") != trimmed.endswith("}"):
            raise invalid_syntax(self.sql_name, text)
        return uuid.UUID(trimmed.strip("{}").replace("-", ""))

    def to_binary(self, value: Any) -> bytes:
        return bytes(value.bytes)

    def from_binary(self, data: bytes) -> uuid.UUID:
        if len(data) != 16:
            raise invalid_binary(self.sql_name, data)
        return uuid.UUID(bytes=bytes(data))


UUID = Uuid("uuid", "uuid", 2950, 2951, 16, "U")
