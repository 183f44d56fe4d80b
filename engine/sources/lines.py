"""Cuts bytes into lines, wherever the bytes were cut; the last one waits for its newline."""

from __future__ import annotations

NOT_UTF8 = "Decode error: Text: Failed to decode UTF-8"

ErrorCounts = dict[str, int]
"""Error text -> how many lines were left out because of it."""


class LineCutter:
    """Takes a file's bytes piece by piece and gives its lines, without their newlines.

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
            whole = b"".join((*self._torn, data[:end])) if self._torn else data[:end]
        self._torn.clear()
        self._torn_size = 0
        self._keep(data[end:], errors)
        return self._without_long_lines(whole, errors) if len(whole) > self._longest else whole

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


def decode_lines(whole: bytes, errors: ErrorCounts) -> list[str]:
    """The lines of `whole` (each ends in a newline) as text, without those that are not UTF-8."""
    if not whole:
        return []
    try:
        lines = whole.decode().split("\n")
    except UnicodeDecodeError:
        return _decode_each(whole.split(b"\n")[:-1], errors)
    lines.pop()
    return lines


def _decode_each(lines: list[bytes], errors: ErrorCounts) -> list[str]:
    decoded = []
    for line in lines:
        try:
            decoded.append(line.decode())
        except UnicodeDecodeError:
            errors[NOT_UTF8] = errors.get(NOT_UTF8, 0) + 1
    return decoded
