"""Cuts bytes into lines, or into CSV records; the last one waits for its newline."""

from __future__ import annotations

from typing import Protocol

from engine.delimited import BYTE_ORDER_MARK, Dialect, whole_records

NOT_UTF8 = "Decode error: Text: Failed to decode UTF-8"

ErrorCounts = dict[str, int]
"""Error text -> how many lines were left out because of it."""


class Cutter(Protocol):
    """Takes a file's bytes piece by piece, and returns those that are whole lines or records."""

    def feed(self, data: bytes, errors: ErrorCounts) -> bytes:
        """Take more bytes; return the lines that are whole now, each with its newline."""

    def finish(self, errors: ErrorCounts) -> bytes:
        """Return the last line of a file that ends without a newline, with one."""


class LineCutter:
    """Takes a file's bytes piece by piece, and returns its whole lines.

    A carriage return stays part of its line. A line of more than `longest` bytes is left out, and
    is never held in memory whole.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._torn: list[bytes] = []
        self._torn_size = 0
        self._skipping = False

    def feed(self, data: bytes, errors: ErrorCounts) -> bytes:
        """Take more bytes; return the lines that are whole now, as bytes ending in a newline."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data, errors)
            return b""
        if self._skipping:
            whole = data[data.index(b"\n") + 1 : end]
            self._skipping = False
        else:
            whole = b"".join((*self._torn, memoryview(data)[:end])) if self._torn else data[:end]
        self._torn.clear()
        self._torn_size = 0
        self._keep(data[end:], errors)
        return self._without_long_lines(whole, errors) if len(whole) > self._longest else whole

    def finish(self, errors: ErrorCounts) -> bytes:
        last = b"".join(self._torn)
        self._torn.clear()
        self._torn_size = 0
        return last + b"\n" if last else b""

    def _keep(self, data: bytes, errors: ErrorCounts) -> None:
        if self._skipping or not data:
            return
        self._torn.append(data)
        self._torn_size += len(data)
        if self._torn_size > self._longest:
            self._skipping = True
            self._torn.clear()
            self._torn_size = 0
            self._count_long(1, errors)

    def _without_long_lines(self, whole: bytes, errors: ErrorCounts) -> bytes:
        lines = whole.split(b"\n")
        short = [line for line in lines if len(line) <= self._longest]
        self._count_long(len(lines) - len(short), errors)
        return b"\n".join(short)

    def _count_long(self, count: int, errors: ErrorCounts) -> None:
        if count:
            text = f"line too long: it has more than {self._longest} bytes"
            errors[text] = errors.get(text, 0) + count


class RecordCutter:
    """The same for CSV, whose records may hold newlines in quotes."""

    def __init__(self, dialect: Dialect, longest: int) -> None:
        self._dialect = dialect
        self._quote = dialect.quote.encode()
        self._longest = longest
        self._torn = b""
        self._skipping = False
        self._at_beginning = True

    def feed(self, data: bytes, errors: ErrorCounts) -> bytes:
        if self._skipping:
            end = data.find(b"\n") + 1
            self._skipping = not end
            data = data[end:] if end else b""
        data = self._torn + data if self._torn else data
        if self._at_beginning:
            if len(data) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(data):
                self._torn = data
                return b""
            # Behind the mark a quote would not be at the beginning of its field.
            data = data.removeprefix(BYTE_ORDER_MARK)
            self._at_beginning = False
        size = self._whole(data)
        self._torn = data[size:]
        if len(self._torn) > self._longest:
            self._drop_line(errors)
        return data[:size]

    def _whole(self, data: bytes) -> int:
        """The size of the records that are whole."""
        if self._quote not in data:
            return data.rfind(b"\n") + 1
        return sum(map(len, whole_records(self._dialect, data)))

    def _drop_line(self, errors: ErrorCounts) -> None:
        """Give up the record that never ends, and go on with the line after its first."""
        end = self._torn.find(b"\n") + 1
        text = f"record too long: it has more than {self._longest} bytes"
        errors[text] = errors.get(text, 0) + 1
        self._skipping = not end
        self._torn = self._torn[end:] if end else b""

    def finish(self, errors: ErrorCounts) -> bytes:
        last, self._torn = self._torn, b""
        if not last:
            return b""
        if self._dialect.record.fullmatch(last + b"\n") is not None:
            return last + b"\n"
        errors[OPEN_QUOTE] = errors.get(OPEN_QUOTE, 0) + 1
        return b""


OPEN_QUOTE = "Decode error: CSV: a quoted field does not end"


def decode_lines(whole: bytes, errors: ErrorCounts) -> list[str]:
    """The lines of `whole` (each ends in a newline) as text, without those that are not UTF-8."""
    if not whole:
        return []
    try:
        lines = whole.decode().split("\n")
    except UnicodeDecodeError:
        return decode_each(whole.split(b"\n")[:-1], errors)
    lines.pop()
    return lines


def decode_each(lines: list[bytes], errors: ErrorCounts) -> list[str]:
    decoded = []
    for line in lines:
        try:
            decoded.append(line.decode())
        except UnicodeDecodeError:
            errors[NOT_UTF8] = errors.get(NOT_UTF8, 0) + 1
    return decoded
