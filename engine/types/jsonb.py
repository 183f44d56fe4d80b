"""jsonb: JSON values whose text is canonical.

A `Jsonb` is equal to another if their canonical texts are: no blanks, keys sorted by code point,
of equal keys the last one, numbers without an exponent or trailing zeros (beyond 40 digits: with
an exponent), strings with only the escapes that JSON demands.

Numbers may be of any size and lose no digit; what cannot be an integer, a numeric or a float is
an error where it is cast, not where it is parsed. That makes parsing independent of which parts
of a document are looked at: a decoder that skips the others skips nothing that could fail. What
JSON itself forbids (control characters, lone surrogates, NaN, leading zeros ..) msgspec refuses
also in what it skips; `engine/tests/scalar/test_documents.py` compares the two.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from engine.errors import SqlError
from engine.types.base import SqlType, invalid_binary, invalid_syntax
from engine.types.numeric import plain

MAX_DEPTH: Final = 1000
"""Arrays and objects may be nested this deep."""
SHALLOW: Final = 2 * MAX_DEPTH
"""A text of so many characters cannot be nested too deeply."""

R = TypeVar("R")


class Number:
    """A JSON number that neither an int nor a Decimal would print right: its canonical text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_PLAIN_DIGITS: Final = 400
"""Numbers that have more digits than this before or behind the point keep their exponent."""

JsonValue: TypeAlias = Any
"""The value of a Jsonb: None, bool, str, int, Decimal, Number, list, or dict."""


def read_number(text: str) -> int | Decimal | Number:
    """The value of a JSON number with a fraction or an exponent."""
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        lowered = text.lower()
        return Number(lowered) if lowered.partition("e")[0].strip("-0.") else 0
    if not value:
        return 0
    if abs(value.adjusted()) > _PLAIN_DIGITS:
        return Number(text.lower())
    canonical = plain(value)
    if "." not in canonical:
        return int(canonical)
    value = Decimal(canonical)
    return value if str(value) == canonical else Number(canonical)


def _read_integer(text: str) -> int | Number:
    return int(text) if len(text) <= _PLAIN_DIGITS else Number(text)


def _refuse_constant(text: str) -> JsonValue:
    raise ValueError(f"unexpected {text}")


def _encode_other(value: Any) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"not a JSON value: {value!r}")


_decode = msgspec.json.Decoder(float_hook=read_number).decode
_encode = msgspec.json.Encoder(
    order="sorted", decimal_format="number", enc_hook=_encode_other
).encode


def decode(text: str) -> JsonValue:
    """Parse JSON; raises SqlError 22P02, or 54001 where it is nested too deeply."""
    if len(text) > SHALLOW and may_be_deep(text):
        check_depth(text)
    try:
        return _decode(text)
    except msgspec.ValidationError:  # an integer of thousands of digits
        return _decode_slowly(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise _invalid(text, str(error)) from error
    except RecursionError:
        check_depth(text)
        return deeply(_decode_slowly, text)


def _decode_slowly(text: str) -> JsonValue:
    """Parse with the standard library, to which msgspec's limits on numbers do not apply."""
    try:
        value = json.loads(
            text,
            parse_float=read_number,
            parse_int=_read_integer,
            parse_constant=_refuse_constant,
        )
        _encode(value)  # finds lone surrogates, which the standard library lets pass
    except ValueError as error:
        raise _invalid(text, str(error)) from error
    return value


def _invalid(text: str, reason: str) -> SqlError:
    return invalid_syntax("jsonb", text, reason.removeprefix("JSON is malformed: "))


def may_be_deep(text: str | memoryview) -> bool:
    """Whether the text has more opening brackets than there may be levels."""
    if isinstance(text, memoryview):
        utf8 = bytes(text)
        return utf8.count(b"[") + utf8.count(b"{") > MAX_DEPTH
    return text.count("[") + text.count("{") > MAX_DEPTH


def check_depth(text: str) -> None:
    """Raise SqlError if JSON `text` is nested deeper than MAX_DEPTH."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise SqlError(f"jsonb is nested too deeply: more than {MAX_DEPTH} levels", "54001")
        elif bracket in "]}":
            depth -= 1


_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+"', re.DOTALL)


def deeply(function: Callable[..., R], *arguments: Any) -> R:
    """Call a function that recurses at each level of JSON, with room for MAX_DEPTH levels."""
    try:
        return function(*arguments)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 8 * MAX_DEPTH)
        try:
            return function(*arguments)
        finally:
            sys.setrecursionlimit(limit)


def canonical(value: JsonValue) -> str:
    """The canonical text of a JSON value."""
    return deeply(_encode, value).decode()


def as_text(value: JsonValue) -> str | None:
    """Convert to text as `->>` does: a string itself, None for JSON's null, else canonical text."""
    kind = value.__class__
    if kind is str:
        return str(value)
    if kind is int:
        return str(value)
    return None if value is None else canonical(value)


class Jsonb:
    """A JSON value; immutable. Its text is made when asked for, once."""

    __slots__ = ("_text", "_value")

    def __init__(self, value: JsonValue, text: str | None = None) -> None:
        """`text`, if given, must be the canonical text of `value`."""
        self._value = value
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Jsonb:
        """Parse JSON; raises SqlError 22P02 or 54001."""
        return cls(decode(text))

    @property
    def value(self) -> JsonValue:
        return self._value

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = canonical(self._value)
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Jsonb) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Jsonb({self.text})"


def sort_key(value: JsonValue) -> tuple[Any, ...]:
    """PostgreSQL's order: null, strings, numbers, booleans, arrays, objects; short before long.

    The key is flat (each value is its rank and what orders it within the rank, then its parts), so
    that comparing two keys does not recurse.
    """
    key: list[Any] = []
    pending = [value]
    while pending:
        value = pending.pop()
        if value is None:
            key.append(0)
        elif isinstance(value, _Key):
            key.append(value.name)
        elif isinstance(value, str):
            key += (1, value)
        elif isinstance(value, bool):
            key += (3, value)
        elif isinstance(value, list):
            key += (4, len(value))
            pending += reversed(value)
        elif isinstance(value, dict):
            key += (5, len(value))
            for name in sorted(value, reverse=True):
                pending += (value[name], _Key(name))
        else:
            key += (2, number_value(value))
    return tuple(key)


class _Key:
    """An object's key among the values that are still to be put into a sort key."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def number_value(value: int | Decimal | Number) -> Decimal:
    """The number as a Decimal; infinite where its exponent is beyond the range of Decimal."""
    text = value.text if isinstance(value, Number) else value
    try:
        return Decimal(text)
    except InvalidOperation:
        mantissa, _, exponent = str(text).partition("e")
        if exponent.startswith("-"):
            return Decimal(0)
        return Decimal("-Infinity" if mantissa.startswith("-") else "Infinity")


class JsonbType(SqlType):
    def to_text(self, value: Any) -> str:
        return str(value.text)

    def from_text(self, text: str) -> Jsonb:
        return Jsonb.parse(text)

    def to_binary(self, value: Any) -> bytes:
        text: str = value.text
        return b"\x01" + text.encode()

    def from_binary(self, data: bytes) -> Jsonb:
        if data[:1] != b"\x01":
            raise invalid_binary(self.sql_name, data)
        try:
            return Jsonb.parse(data[1:].decode())
        except UnicodeDecodeError as error:
            raise invalid_binary(self.sql_name, data) from error

    def sort_key(self, value: Any) -> Any:
        return sort_key(value.value)


JSONB = JsonbType("jsonb", "jsonb", 3802, 3807, -1, "U")
