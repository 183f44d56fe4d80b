"""Formats of a file source: how its lines or records become rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import count

from engine.delimited import Dialect, whole_records
from engine.errors import SqlError
from engine.regex import compile_regex
from engine.relation import Column
from engine.sources.frame import Frame
from engine.sources.lines import (
    NOT_UTF8,
    Cutter,
    ErrorCounts,
    LineCutter,
    RecordCutter,
    decode_each,
    decode_lines,
)
from engine.sql.statements import (
    BytesFormat,
    CsvFormat,
    Format,
    JsonFormat,
    RegexFormat,
    TextFormat,
)
from engine.types import BYTEA, INT8, JSONB, TEXT
from engine.zset import Appended, Row, Value

LINE_NUMBER = "mz_line_no"
"""The column that every source has last: the number of the row, from 1, among those of its file."""


class RowFormat(ABC):
    """Makes rows of lines. `columns` ends with the line number."""

    header = False
    """Whether the first record of the file is no row."""
    has_mark = True
    """Whether a byte order mark at the beginning of the file is no part of the first row."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = (*columns, Column(LINE_NUMBER, INT8))

    def header_size(self, whole: bytes) -> int:
        """The bytes of the first record, which is the header."""
        raise NotImplementedError

    def cutter(self, longest: int) -> Cutter:
        """Return the splitter of the file, which omits records of more than `longest` bytes."""
        return LineCutter(longest)

    @abstractmethod
    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        """The rows of some lines, each ending in a newline; `before` rows came earlier."""


def by_column(rows: list[Row]) -> Appended:
    """The same rows by column."""
    return Appended(list(zip(*rows, strict=True)) or [()])


def numbered(
    values: Sequence[Value], before: int, utf8: Sequence[memoryview] | None = None
) -> Appended:
    """Rows of one value and the line number."""
    return Appended((values, range(before + 1, before + 1 + len(values))), utf8)


class TextRows(RowFormat):
    """FORMAT TEXT: each line is a value."""

    def __init__(self) -> None:
        super().__init__((Column("text", TEXT),))

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        return numbered(decode_lines(whole, errors), before)


class BytesRows(RowFormat):
    """FORMAT BYTES: each line is a value, whatever bytes it has."""

    has_mark = False

    def __init__(self) -> None:
        super().__init__((Column("data", BYTEA),))

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        return numbered(whole.split(b"\n")[:-1], before)


class RegexRows(RowFormat):
    """FORMAT REGEX: each line in which the pattern is found is a row of its groups.

    A group that took no part is NULL; a line without a match is no row, and no error.
    """

    def __init__(self, pattern: str) -> None:
        regex = compile_regex(pattern)
        names = {number: name for name, number in regex.names.items()}
        groups = range(1, regex.groups + 1)
        super().__init__(tuple(Column(names.get(n, f"column{n}"), TEXT) for n in groups))
        self._frame = Frame.of(pattern)
        self._search = regex.search

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        if self._frame is not None and (values := self._frame.values(whole)) is not None:
            return numbered(values, before, values.utf8)
        numbers = count(before + 1)
        search = self._search
        rows: list[Row] = []
        for line in decode_lines(whole, errors):
            groups = search(line.encode())
            if groups is not None:
                texts = [None if group is None else group.decode() for group in groups]
                rows.append((*texts, next(numbers)))
        return by_column(rows)


class CsvRows(RowFormat):
    """FORMAT CSV: each record is a row; one with another number of fields is an error.

    Empty lines are no records, and a carriage return before a newline ends the record too.
    """

    def __init__(self, names: tuple[str, ...], dialect: Dialect, header: bool) -> None:
        super().__init__(tuple(Column(name, TEXT) for name in names))
        self._width = len(names)
        self._dialect = dialect
        self.header = header

    def header_size(self, whole: bytes) -> int:
        return len(next(whole_records(self._dialect, whole)))

    def cutter(self, longest: int) -> RecordCutter:
        return RecordCutter(self._dialect, longest)

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        rows: list[Row] = []
        number = before
        for line in self._records(whole, errors):
            record = line.removesuffix("\r")
            if not record:
                continue
            fields = self._dialect.fields(record)
            if len(fields) == self._width:
                number += 1
                rows.append((*fields, number))
            else:
                text = f"Decode error: CSV: expected {self._width} columns, got {len(fields)}"
                errors[text] = errors.get(text, 0) + 1
        return by_column(rows)

    def _records(self, whole: bytes, errors: ErrorCounts) -> Iterable[str]:
        """The records as text, without their newlines."""
        if self._dialect.quote.encode() not in whole:
            return decode_lines(whole, errors)
        records = [record[:-1] for record in whole_records(self._dialect, whole)]
        return decode_each(records, errors)


class JsonRows(RowFormat):
    """FORMAT JSON: each line is a document; one that is none is an error."""

    def __init__(self) -> None:
        super().__init__((Column("data", JSONB),))

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        documents: list[Value] = []
        for line in decode_lines(whole, errors):
            try:
                document = JSONB.from_text(line)
            except SqlError as error:
                text = f"Decode error: JSON: {error.message}"
                errors[text] = errors.get(text, 0) + 1
            else:
                documents.append(document)
        return numbered(documents, before)


def row_format(format: Format, header: bytes | None) -> RowFormat:
    """The format that a statement names; `header` is the file's first record, if CSV needs it."""
    match format:
        case TextFormat():
            return TextRows()
        case BytesFormat():
            return BytesRows()
        case JsonFormat():
            return JsonRows()
        case RegexFormat(pattern):
            return RegexRows(pattern)
        case CsvFormat():
            dialect = csv_dialect(format)
            return CsvRows(_csv_names(format, dialect, header), dialect, format.header)


def csv_dialect(format: CsvFormat) -> Dialect:
    return Dialect(format.delimiter, null=None)


def _csv_names(format: CsvFormat, dialect: Dialect, header: bytes | None) -> tuple[str, ...]:
    if not format.header:
        assert format.width is not None
        return tuple(f"column{number}" for number in range(1, format.width + 1))
    if header is None:
        raise SqlError("CSV WITH HEADER needs a file whose first line is there, but it is empty")
    try:
        text = header.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SqlError(f"{NOT_UTF8} (the header line)") from error
    found = [field or "" for field in dialect.fields(text)]
    if format.column_names and list(format.column_names) != found:
        raise SqlError(
            f"the header line has the columns {', '.join(found)}, "
            f"expected {', '.join(format.column_names)}"
        )
    return tuple(found)


__all__ = ["LINE_NUMBER", "RowFormat", "row_format"]
