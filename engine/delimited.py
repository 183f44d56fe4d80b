"""Delimited text: bytes cut into records, records into fields. Used by sources and by COPY.

In CSV a field may be quoted, and may then hold delimiters, newlines and doubled quotes. A quote
inside an unquoted field is a character like any other, as in Materialize.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.errors import SqlError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_UTF8 = 'invalid byte sequence for encoding "UTF8"'


@dataclass(frozen=True)
class Dialect:
    """`delimiter`, `quote` and `escape` are single ASCII characters; `null` is an unquoted text.

    `record` matches one whole record with its newline, in time linear in its length.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    null: str | None = ""
    record: re.Pattern[bytes] = field(init=False, compare=False)
    _field: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        quote, escape, end = map(re.escape, (self.quote, self.escape, self.delimiter))
        plain = rf"[^{quote}]" if quote == escape else rf"[^{quote}{escape}]"
        inner = rf"(?:{plain}|{escape}.)*+" if quote != escape else rf"(?:{plain}|{quote}{quote})*+"
        cell = rf"(?:{quote}{inner}{quote}[^{end}\n]*+|(?!{quote})[^{end}\n]*+)"
        record = re.compile(rf"{cell}(?:{end}{cell})*+\n".encode(), re.DOTALL)
        one = re.compile(
            rf"(?:{quote}({inner}){quote}([^{end}]*+)|([^{end}]*+))({end}|\Z)", re.DOTALL
        )
        object.__setattr__(self, "record", record)
        object.__setattr__(self, "_field", one)

    def fields(self, record: str) -> list[str | None]:
        """The fields of one whole record, without its newline; None for an unquoted `null`."""
        if self.quote not in record:
            cells = record.split(self.delimiter)
            return [None if cell == self.null else cell for cell in cells]
        fields: list[str | None] = []
        at, more = 0, True
        while more:
            match = self._field.match(record, at)
            assert match is not None
            quoted, rest, plain, delimiter = match.groups()
            if quoted is not None:
                fields.append(self._unescaped(quoted) + rest)
            else:
                fields.append(None if plain == self.null else plain)
            at, more = match.end(), bool(delimiter)
        return fields

    def _unescaped(self, text: str) -> str:
        if self.escape == self.quote:
            return text.replace(self.quote * 2, self.quote)
        return re.sub(rf"{re.escape(self.escape)}(.)", r"\1", text, flags=re.DOTALL)


def whole_records(dialect: Dialect, data: bytes) -> Iterator[bytes]:
    """The records at the beginning of `data` that are whole, with their newlines."""
    at = 0
    while match := dialect.record.match(data, at):
        at = match.end()
        yield match[0]


class CsvReader:
    """Takes CSV piece by piece and returns the rows that are whole.

    Empty lines are no rows; a carriage return before a newline belongs to the end of the line.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._torn = b""

    def feed(self, data: bytes) -> Iterator[list[str | None]]:
        """Raises SqlError (22021) for a record that is not UTF-8."""
        data = self._torn + data
        size = 0
        for record in whole_records(self._dialect, data):
            size += len(record)
            yield from self._rows(record)
        self._torn = data[size:]

    def finish(self) -> Iterator[list[str | None]]:
        """The last row, if no newline ends it; raises SqlError (22P04) in an open quote."""
        last, self._torn = self._torn, b""
        if not last:
            return
        if self._dialect.record.fullmatch(last + b"\n") is None:
            raise SqlError("unterminated CSV quoted field", "22P04")
        yield from self._rows(last + b"\n")

    def _rows(self, record: bytes) -> Iterator[list[str | None]]:
        text = decoded(record).removesuffix("\n").removesuffix("\r")
        if text and text != "\\.":
            yield self._dialect.fields(text)


_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class TextReader:
    r"""Takes COPY's text format piece by piece: `\N` is NULL, a backslash begins an escape."""

    def __init__(self, delimiter: str = "\t", null: str = "\\N") -> None:
        self._delimiter = delimiter
        self._null = null
        self._torn = b""
        self._ended = False

    def feed(self, data: bytes) -> Iterator[list[str | None]]:
        """Raises SqlError (22021) for a line that is not UTF-8."""
        *lines, self._torn = (self._torn + data).split(b"\n")
        for line in lines:
            yield from self._rows(line)

    def finish(self) -> Iterator[list[str | None]]:
        """The last row, if no newline ends it."""
        last, self._torn = self._torn, b""
        if last:
            yield from self._rows(last)

    def _rows(self, line: bytes) -> Iterator[list[str | None]]:
        text = decoded(line).removesuffix("\r")
        self._ended = self._ended or text == "\\."
        if not self._ended:
            yield [self._value(cell) for cell in text.split(self._delimiter)]

    def _value(self, text: str) -> str | None:
        if text == self._null:
            return None
        return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    octal, hexadecimal, letter = match.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return chr(int(octal, 8) & 0xFF if octal else int(hexadecimal, 16))


def decoded(record: bytes) -> str:
    """Decode a record; raises SqlError (22021)."""
    try:
        return record.decode()
    except UnicodeDecodeError as error:
        raise SqlError(f"{NOT_UTF8}: {record[error.start : error.end]!r}", "22021") from error
