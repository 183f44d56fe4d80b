"""Collects the rows of a base as JSON, slice by slice, so that large views need little memory.

Equal rows are counted. Where that makes the base much shorter, it is sent with weights to clients
that take them, and with each row as often as it is there to the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from server.framing import Message
from server.hub.engine_answer import Layout, Place
from server.upstream.errors import TooMuchError
from viewstream.checksum import MODULUS, checksum
from viewstream.protocol import Base, Column, Row, encode

MAX_ROWS = 2_000_000
"""Rows, or different rows where many are equal, of the largest base."""
MAX_BYTES = 500 << 20
"""Bytes of the largest base: V8, the engine of most browsers, has no text above 512 MiB."""

BLOCK = 64 << 10
"""Bytes of equal rows that are made at once."""

_HERE = b"\0"
"""A placeholder in a message: no JSON has this byte."""


@dataclass(frozen=True)
class EncodedBase:
    """A base as messages: with weights if that is much shorter, and without."""

    message: Message
    is_weighted: bool = False
    expanded: Message | None = None
    """For clients that take no weights, if `message` has some; None if it would be too large."""
    layout: Layout | None = None


class BaseRows:
    """A multiset of rows that grows by slices."""

    def __init__(self) -> None:
        self.lines = 0
        """Rows with weights. Two of them can be equal, if they came in different slices."""
        self.total = 0
        """Rows, each counted as often as it is there."""
        self.checksum = 0
        self._parts: list[bytes] = []
        self._weights: list[bytes] = []
        self.size = 0
        """Bytes of the rows, each once, and of the weights."""
        self._expanded: list[bytes] | None = []
        self._expanded_size = 0

    @property
    def is_weighted(self) -> bool:
        """Whether weights make the base at most half as long."""
        return 2 * self.lines <= self.total

    def add(self, rows: Sequence[Row]) -> None:
        """Add a slice of rows. Raises TooMuchError."""
        if not rows:
            return
        weights = Counter(rows)
        part = encode(rows)[1:-1]
        is_plain = len(weights) == len(rows)
        self._add(weights, part if is_plain else encode(list(weights))[1:-1])
        self._expand([part], len(part))

    def add_weighted(self, weights: Mapping[Row, int]) -> None:
        """Add different rows with their weights. Raises TooMuchError."""
        self._add(weights, encode(list(weights))[1:-1])
        for row, count in weights.items():
            self._expand_row(encode(row), count)

    def _expand_row(self, row: bytes, count: int) -> None:
        """Add copies of a row: few bytes, however often they are sent."""
        size = (len(row) + 1) * count
        if self._expanded is None or self._expanded_size + size > MAX_BYTES:
            self._expanded = None
            return
        block = min(count, max(1, BLOCK // (len(row) + 1)))
        copies, rest = divmod(count, block)
        parts = [b",".join([row] * block)] * copies
        if rest:
            parts.append(b",".join([row] * rest))
        self._expand(parts, size)

    def _add(self, weights: Mapping[Row, int], part: bytes) -> None:
        counts = weights.values()
        self.lines += len(weights)
        self.total += sum(counts)
        self.checksum = (self.checksum + checksum((n, row) for row, n in weights.items())) % MODULUS
        self._parts.append(part)
        self._weights.append(encode(list(counts))[1:-1])
        self.size += len(part) + len(self._weights[-1])
        if self.size > MAX_BYTES:
            raise TooMuchError(
                f"the view's rows are more than {MAX_BYTES >> 20} MiB, the most that a base may"
                " have: serve a view of fewer rows or columns"
            )

    def _expand(self, parts: list[bytes], size: int) -> None:
        self._expanded_size += size
        if self._expanded_size > MAX_BYTES:
            self._expanded = None  # nor anything after it
        elif self._expanded is not None:
            self._expanded += parts

    def make(
        self, view: str, epoch: str, upper: int, columns: list[Column], compress_from: int | None
    ) -> EncodedBase:
        """Make the messages. Takes long: joining and deflating release the GIL."""
        here = msgspec.Raw(_HERE)
        base = Base(view, epoch, upper, columns, here, self.checksum)  # type: ignore[arg-type]
        expanded = None
        if self._expanded is not None:
            expanded, (rows,) = _join(encode(base), [self._expanded], compress_from)
            if not self.is_weighted or not self.lines:
                layout = Layout(columns, rows, None, self.total)
                return EncodedBase(expanded, layout=layout)
        base.weights = here
        weighted, (rows, weights) = _join(encode(base), [self._parts, self._weights], compress_from)
        layout = Layout(columns, rows, weights, self.total)
        return EncodedBase(weighted, True, expanded, layout)


def _join(
    text: bytes, lists: list[list[bytes]], compress_from: int | None
) -> tuple[Message, list[list[Place]]]:
    """Put the lists in the places of the placeholders, and deflate the message."""
    start, *ends = text.split(_HERE)
    pieces, at = [start], len(start)
    places: list[list[Place]] = []
    for parts, end in zip(lists, ends, strict=True):
        places.append([])
        opening = b"["
        for part in parts:
            pieces += (opening, part)
            at += 1
            places[-1].append(Place(at, at + len(part)))
            at += len(part)
            opening = b","
        pieces += (b"]" if parts else b"[]", end)
        at += len(pieces[-2]) + len(end)
    message = Message.join(pieces, compress_from)
    message.compress()
    return message, places
