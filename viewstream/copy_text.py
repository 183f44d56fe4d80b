r"""Reads what `tail_view.py` prints: COPY's text of a TAIL, with its epoch in the first line.

    # epoch 1606000000000-u7
    1606000000001	t	\N	\N          progress: the stream begins here, nothing lies below
    1606000000500	f	-1	Alice	12  time, f, diff, and the values of a row
    1606000001001	t	\N	\N          progress: all times below are closed

Bytes go in, cut anywhere; rows go into a `Cutter`. No I/O. A line of any other form is an error: a
reader that guesses would make pages that differ from the view.
"""

from __future__ import annotations

import re

from viewstream.cutter import Counts, Cutter, OnClosed, parse_diff, parse_tail_time
from viewstream.protocol import BODY_LIMIT, MAX_TIME, ProtocolError, parse_epoch

HEADER = "# epoch "
NULL = r"\N"
ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r", r"\t": "\t"}
DIFFS = {str(diff): diff for diff in range(-9, 10) if diff}
"""Diffs that the fast path knows; all others take the slow path."""

_ESCAPE = re.compile(r"\\.?", re.DOTALL)
_SHOWN = 1000
"""Characters of an unreadable line that its error message shows."""


class UnreadableLineError(ValueError):
    """A line is not of the expected form; the message has its number and the line."""


def undo_escapes(field: str) -> str | None:
    """Return the value of a field of COPY's text; raise KeyError for an unknown escape."""
    if field == NULL:
        return None
    if "\\" not in field:
        return field
    return _ESCAPE.sub(lambda escape: ESCAPES[escape[0]], field)


class CopyTextReader:
    """Feeds a `Cutter` with the lines of a TAIL's text.

    The two lines that open a stream set `epoch`, and then `lower` and `cutter`.
    """

    def __init__(self, on_closed: OnClosed, largest: int = BODY_LIMIT) -> None:
        self.epoch: str | None = None
        self.lower = 0
        self.cutter: Cutter | None = None
        self._on_closed = on_closed
        self._largest = largest
        self._rest: list[bytes] = []
        self._line_number = 0
        # Of the open time: its text, and the counts of its rows. Of all rows: how many fields.
        self._time_text = ""
        self._counts: Counts = {}
        self._width = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the text, cut anywhere; raises UnreadableLineError."""
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest.append(data)
            return
        text = b"".join([*self._rest, head])
        self._rest = [rest]
        try:
            lines = text.decode().split("\n")
        except UnicodeDecodeError as error:
            good = text[: error.start].count(b"\n")
            raw = text.split(b"\n")
            self._read_lines([line.decode() for line in raw[:good]])
            self._line_number += 1
            raise self._unreadable(raw[good], "UTF-8") from error
        self._read_lines(lines)
        if self.cutter is not None:
            self.cutter.bound_open_time(len(text))

    def _read_lines(self, lines: list[str]) -> None:
        time_text, counts, width = self._time_text, self._counts, self._width
        first = self._line_number + 1
        for number, line in enumerate(lines, first):
            fields = line.split("\t")
            # Fast path: most lines are one more row of the open time, without escapes.
            if (
                fields[0] == time_text
                and len(fields) == width
                and fields[1] == "f"
                and fields[2] in DIFFS
                and "\\" not in line
            ):
                row = tuple(fields[3:])
                counts[row] = counts.get(row, 0) + DIFFS[fields[2]]
            else:
                self._line_number = number
                self._read_line(line, fields)
                time_text, counts, width = self._time_text, self._counts, self._width
        self._line_number = first + len(lines) - 1

    def _read_line(self, line: str, fields: list[str]) -> None:
        """Read one line of any kind."""
        if self.epoch is None:
            self.epoch = self._read_epoch(line)
            return
        try:
            time = MAX_TIME if fields[0] == str(MAX_TIME) else parse_tail_time(fields[0])
        except ProtocolError as error:
            raise self._unreadable(line, "TIME, t or f, DIFF and the values of a row") from error
        if len(fields) < 3:
            raise self._unreadable(line, "TIME, t or f, DIFF and the values of a row")
        if fields[1] == "t" and all(field == NULL for field in fields[2:]):
            self._read_progress(time)
        elif self.cutter is None:
            raise self._unreadable(line, "a progress line, which says where the stream begins")
        elif fields[1] == "f":
            if not self.cutter.upper <= time < MAX_TIME:
                raise self._unreadable(line, f"a time of at least {self.cutter.upper}")
            self._open(self.cutter, time)
            self._read_row(line, fields)
        else:
            raise self._unreadable(line, "a progress line: TIME, t, and NULLs only")

    def _read_epoch(self, line: str) -> str:
        try:
            return parse_epoch(line[len(HEADER) :] if line.startswith(HEADER) else "")
        except ProtocolError as error:
            raise self._unreadable(line, f"{HEADER}EPOCH, such as 1606000000000-u7") from error

    def _read_progress(self, time: int) -> None:
        if self.cutter is None:
            self.lower, self.cutter = time, Cutter(time, self._on_closed, self._largest)
        self._open(self.cutter, time)

    def _open(self, cutter: Cutter, time: int) -> None:
        self._counts = cutter.advance(time)
        # No row may come at the end, so the fast path must not take one.
        self._time_text = str(cutter.upper) if cutter.upper < MAX_TIME else ""

    def _read_row(self, line: str, fields: list[str]) -> None:
        if len(fields) != self._width:
            if self._width:
                raise self._unreadable(line, f"{self._width - 3} values, as in the rows before")
            self._width = len(fields)
        try:
            diff = parse_diff(fields[2])
            row = tuple(map(undo_escapes, fields[3:]))
        except ProtocolError as error:
            raise self._unreadable(line, "a diff that is an integer and not 0") from error
        except KeyError as error:
            raise self._unreadable(line, r"only the escapes \\, \n, \r, \t and \N") from error
        self._counts[row] = self._counts.get(row, 0) + diff

    def _unreadable(self, line: str | bytes, expected: str) -> UnreadableLineError:
        shown = repr(line[:_SHOWN])
        return UnreadableLineError(f"line {self._line_number}: expected {expected}, found {shown}")
