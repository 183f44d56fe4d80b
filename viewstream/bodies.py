"""Turns COPY's text into bodies for `POST /view/deltas`: bytes in, bytes out. No I/O.

While one POST is under way the next delta grows, so load makes deltas larger, not more numerous.
`post_deltas.py` reads and posts around this. The sibling for a cursor's rows is
`viewstream/deltas.py`.
"""

from __future__ import annotations

import math
from collections import deque

from viewstream.copy_text import CopyTextReader
from viewstream.protocol import BODY_LIMIT, MAX_TIME, Delta, Update, encode

HEARTBEAT = 5.0
"""Seconds without a body after which an empty delta shows that the pipeline is alive."""
PROGRESS_DELAY = 1.0
"""Seconds that progress without updates waits for a delta to travel with."""


class Bodies:
    """Encodes the closed times of a view's text, and joins them to bodies on demand.

    `limit` bounds a body in bytes. `waiting` is the number of bytes of closed updates that were
    not taken yet. A time that fits into no body is put on `left_out` instead.
    """

    def __init__(self, view: str, limit: int = BODY_LIMIT) -> None:
        self.waiting = 0
        self.left_out: list[int] = []
        self._view = view
        # An empty body with the longest epoch and times bounds what a body adds to its updates.
        self._largest = limit - len(encode(Delta(view, "9" * 49, MAX_TIME, MAX_TIME, [])))
        self._reader = CopyTextReader(self._add_closed_time, self._largest)
        self._pieces: deque[tuple[int, bytes | None]] = deque()  # None: this time is left out
        self._lower: int | None = None
        """Where the next delta begins; None until the first body, which is empty, was taken."""

    @property
    def is_begun(self) -> bool:
        """Whether it is known where the stream begins, so that a body can be taken."""
        return self._reader.cutter is not None

    @property
    def has_news(self) -> bool:
        """Whether the next body would have updates, or a later `upper` than the last one."""
        cutter = self._reader.cutter
        return cutter is not None and cutter.upper != self._lower

    def due_at(self, sent_at: float) -> float:
        """Return when the next body is due, if the last one was sent at `sent_at`.

        Closed updates are due at once (-inf), progress alone after a second, and a heartbeat after
        five. Nothing is due (inf) before the stream has begun.
        """
        if self.waiting:
            return -math.inf
        if not self.is_begun:
            return math.inf
        return sent_at + (PROGRESS_DELAY if self.has_news else HEARTBEAT)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the text, cut anywhere; raises UnreadableLineError."""
        self._reader.feed(data)

    def _add_closed_time(self, time: int, updates: list[Update] | None) -> None:
        piece = None if updates is None else encode(updates)[1:-1]
        if piece is not None and len(piece) > self._largest:
            piece = None
        self._pieces.append((time, piece))
        self.waiting += len(piece or b"")

    def take(self, size: int) -> bytes:
        """Return the next delta as a body: as many closed times as fit into `size` bytes.

        It has at least one time if there is any; but the first delta is empty, and says where the
        stream begins. Nothing may be taken before `is_begun`.
        """
        cutter = self._reader.cutter
        assert cutter is not None, "expected the stream's two opening lines before a take"
        if self._lower is None:
            self._lower = self._reader.lower
            return self._body(self._lower, self._lower, [])
        taken: list[bytes] = []
        while self._pieces:
            time, piece = self._pieces[0]
            if taken and (piece is None or len(piece) > size):
                break
            self._pieces.popleft()
            if piece is None:
                self.left_out.append(time)
                self._lower = time + 1
                continue
            taken.append(piece)
            self.waiting -= len(piece)
            size -= len(piece)
        lower, self._lower = self._lower, self._pieces[0][0] if self._pieces else cutter.upper
        return self._body(lower, self._lower, taken)

    def _body(self, lower: int, upper: int, pieces: list[bytes]) -> bytes:
        assert self._reader.epoch is not None
        empty = encode(Delta(self._view, self._reader.epoch, lower, upper, []))
        return empty.removesuffix(b"]}") + b",".join(pieces) + b"]}"
