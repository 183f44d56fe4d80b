"""Formats of a file source: what rows its lines are."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from itertools import count

from engine.errors import SqlError
from engine.regex import compile_regex
from engine.relation import Column
from engine.sources.frame import Frame
from engine.sources.lines import ErrorCounts, decode_lines
from engine.sql.statements import BytesFormat, CsvFormat, Format, RegexFormat, TextFormat
from engine.types import BYTEA, INT8, TEXT
from engine.zset import Appended, Row

LINE_NUMBER = "mz_line_no"
"""The column that every source has last: the number of the row, from 1, among those of its file."""


class RowFormat(ABC):
    """Makes rows of lines. `columns` ends with the line number."""

    header = False
    """Whether the first line of the file is no row."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = (*columns, Column(LINE_NUMBER, INT8))

    @abstractmethod
    def rows(self, whole: bytes, before: int, errors: ErrorCounts) -> list[Row]:
        """The rows of some lines, each ending in a newline; `before` rows came earlier."""

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        """The same by column."""
        rows = self.rows(whole, before, errors)
        return Appended(list(zip(*rows, strict=True)) or [()])


class TextRows(RowFormat):
    """FORMAT TEXT: each line is a value."""

    def __init__(self) -> None:
        super().__init__((Column("text", TEXT),))

    def rows(self, whole: bytes, before: int, errors: ErrorCounts) -> list[Row]:
        return list(zip(decode_lines(whole, errors), count(before + 1), strict=False))


class BytesRows(RowFormat):
    """FORMAT BYTES: each line is a value, whatever bytes it has."""

    def __init__(self) -> None:
        super().__init__((Column("data", BYTEA),))

    def rows(self, whole: bytes, before: int, errors: ErrorCounts) -> list[Row]:
        return list(zip(whole.split(b"\n")[:-1], count(before + 1), strict=False))


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

    def rows(self, whole: bytes, before: int, errors: ErrorCounts) -> list[Row]:
        numbers = count(before + 1)
        search = self._search
        rows: list[Row] = []
        for line in decode_lines(whole, errors):
            groups = search(line.encode())
            if groups is not None:
                texts = [None if group is None else group.decode() for group in groups]
                rows.append((*texts, next(numbers)))
        return rows

    def appended(self, whole: bytes, before: int, errors: ErrorCounts) -> Appended:
        if self._frame is not None and (values := self._frame.values(whole)) is not None:
            texts, utf8 = values
            return Appended((texts, range(before + 1, before + 1 + len(texts))), utf8)
        return super().appended(whole, before, errors)


class CsvRows(RowFormat):
    """FORMAT CSV: each line is a record; one with another number of fields is an error.

    A quoted field may hold the delimiter and doubled quotes, but no newline. Empty lines are no
    records, and a carriage return before the newline is not part of the last field.
    """

    def __init__(self, names: tuple[str, ...], delimiter: str, header: bool) -> None:
        super().__init__(tuple(Column(name, TEXT) for name in names))
        self._width = len(names)
        self._delimiter = delimiter
        self.header = header

    def rows(self, whole: bytes, before: int, errors: ErrorCounts) -> list[Row]:
        rows: list[Row] = []
        number = before
        for line in decode_lines(whole, errors):
            record = line.removesuffix("\r")
            if not record:
                continue
            fields = split_record(record, self._delimiter)
            if fields is not None and len(fields) == self._width:
                number += 1
                rows.append((*fields, number))
            else:
                self._count_bad(fields, errors)
        return rows

    def _count_bad(self, fields: list[str] | None, errors: ErrorCounts) -> None:
        if fields is None:
            text = "Decode error: CSV: a quoted field does not end on its line"
        else:
            text = f"Decode error: CSV: expected {self._width} columns, got {len(fields)}"
        errors[text] = errors.get(text, 0) + 1


def split_record(record: str, delimiter: str) -> list[str] | None:
    """The fields of one CSV record; None when a quoted field does not end."""
    if '"' not in record:
        return record.split(delimiter)
    try:
        return next(csv.reader((record,), delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def row_format(format: Format, header: str | None) -> RowFormat:
    """The format that a statement names; `header` is the file's first line, where CSV wants one."""
    if isinstance(format, TextFormat):
        return TextRows()
    if isinstance(format, BytesFormat):
        return BytesRows()
    if isinstance(format, RegexFormat):
        return RegexRows(format.pattern)
    return CsvRows(_csv_names(format, header), format.delimiter, format.header)


def _csv_names(format: CsvFormat, header: str | None) -> tuple[str, ...]:
    if not format.header:
        assert format.width is not None
        return tuple(f"column{number}" for number in range(1, format.width + 1))
    if header is None:
        raise SqlError("CSV WITH HEADER needs a file whose first line is there, but it is empty")
    found = split_record(header.removesuffix("\r"), format.delimiter)
    if found is None:
        raise SqlError(f"the header line is no CSV record: {header!r}")
    if format.column_names and list(format.column_names) != found:
        raise SqlError(
            f"the header line has the columns {', '.join(found)}, "
            f"expected {', '.join(format.column_names)}"
        )
    return tuple(found)


__all__ = ["LINE_NUMBER", "RowFormat", "row_format"]
