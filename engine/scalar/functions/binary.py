"""Hashes, and bytes as text."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import BYTEA, TEXT
from engine.types.base import shorten


def md5(data: Any) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


define("md5", (TEXT,), TEXT, md5)
define("md5", (BYTEA,), TEXT, md5)
for _bits in (224, 256, 384, 512):
    define(
        f"sha{_bits}",
        (BYTEA,),
        BYTEA,
        template="{sha}({0}).digest()",
        names={"sha": getattr(hashlib, f"sha{_bits}")},
    )


def encode(data: bytes, form: str) -> str:
    """Bytes as `base64` (76 characters a line), `hex`, or `escape`."""
    match form.lower():
        case "hex":
            return data.hex()
        case "base64":
            return base64.encodebytes(data).decode().rstrip("\n")
        case "escape":
            return "".join(map(_escape, data))
    raise _unknown_form(form)


def _escape(byte: int) -> str:
    if byte == 0 or byte >= 0x80:
        return f"\\{byte:03o}"
    return "\\\\" if byte == 0x5C else chr(byte)


def decode(text: str, form: str) -> bytes:
    """The bytes of a text in one of the forms of `encode`."""
    compact = "".join(text.split())
    try:
        match form.lower():
            case "hex":
                return bytes.fromhex(compact)
            case "base64":
                return base64.b64decode(compact, validate=True)
            case "escape":
                return bytes(BYTEA.from_text(text))
    except (ValueError, binascii.Error) as error:
        raise SqlError(
            f'invalid {form.lower()} text "{shorten(text)}": {error}', "22023"
        ) from error
    raise _unknown_form(form)


def _unknown_form(form: str) -> SqlError:
    return SqlError(
        f'unrecognized encoding: "{shorten(form)}"', "22023", hint="hex, base64 or escape"
    )


define("encode", (BYTEA, TEXT), TEXT, encode, can_fail=True)
define("decode", (TEXT, TEXT), BYTEA, decode, can_fail=True)


def convert_from(data: bytes, encoding: str) -> str:
    """Bytes that are text in UTF-8; there are no other encodings."""
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        raise SqlError(f'invalid source encoding name "{shorten(encoding)}"', "22023")
    return str(TEXT.from_binary(data))


define("convert_from", (BYTEA, TEXT), TEXT, convert_from, can_fail=True)
