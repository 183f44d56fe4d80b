"""A file source at run time: the times of its bytes, and its readers."""

from __future__ import annotations

import logging
from bisect import bisect_right

from engine.coordinator.collection import Collection
from engine.errors import SqlError
from engine.relation import Column
from engine.sources import FileReader, FileState, Slice, SourceFile
from engine.sources.lines import ErrorCounts
from engine.zset import Appended

_logger = logging.getLogger(__name__)

REPLAY_BYTES = 256 * 1024
"""Bytes that a replay reads in one slice."""

_WHOLE_FILE = 2**63 - 1

_SEEN = {
    FileState.TRUNCATED: "was truncated or rewritten; nothing more is read of it",
    FileState.REPLACED: "was replaced; the one that was opened first is read on",
    FileState.MISSING: "is gone from its folder; it is read on if it was opened before",
}


class Source(Collection):
    """A source without stored rows: every reader reads the file again, from its first byte.

    Its history is a list of times and ends: the line that ends before an end, but not before the
    one before, came at that time. It begins when the source is first read: what the file
    holds then comes at one time. Before that time it counts as empty.
    """

    def __init__(
        self, id: str, name: str, columns: tuple[Column, ...], file: SourceFile, since: int
    ) -> None:
        super().__init__(id, name, columns)
        self.file = file
        self.bytes_read = 0
        self.rows_read = 0
        self.errors: ErrorCounts = {}
        """Lines that were left out, by the reason, until they are published."""
        self.errors_total = 0
        self.state = FileState.FOLLOWED
        """The state of the file at the last look."""
        self._fingerprint: tuple[int, int] | None = None
        """Of a file that is not tailed, when it was read."""
        self._mark = b""
        """Of a file that is tailed, the last bytes that have a time."""
        self.live: FileReader | None = None
        """The reader whose rows go to those dataflows that have caught up."""
        self._since = since
        self._times: list[int] = []
        self._ends: list[int] = []
        self._counted = 0
        self.set_complete()

    @property
    def since(self) -> int:
        return self._since

    @property
    def end(self) -> int:
        """The number of bytes whose times are known."""
        return self._ends[-1] if self._ends else 0

    def recent(self, changes: int) -> int:
        return self._since if len(self._times) <= changes else self._times[-changes - 1]

    def has_news(self) -> bool:
        """Whether there are bytes that have no time yet."""
        if self.finished or self.state is FileState.TRUNCATED:
            return False
        if not self.file.tail and not self._times:
            return True
        size = self.file.size
        if size < self.end or (size > self.end and self._was_overwritten()):
            self._change_state(FileState.TRUNCATED)
            return False
        return size > self.end

    def look(self) -> None:
        """Notice what became of the file; costs two calls of the system, so once a second."""
        if self.state is FileState.TRUNCATED:
            return
        truncated = self._was_rewritten() or self._was_overwritten()
        self._change_state(FileState.TRUNCATED if truncated else self.file.state())

    def _was_rewritten(self) -> bool:
        """Whether a file that is not tailed was written elsewhere than at its end."""
        now = self.file.fingerprint()
        if self._fingerprint is None or now is None or now == self._fingerprint:
            return False
        return self.file.compressed or now[0] <= self._fingerprint[0]

    def _was_overwritten(self) -> bool:
        """Whether a file that is tailed was written below its end, as far as its mark shows.

        A file that is truncated and grows again at once may never be seen shorter.
        """
        return bool(self._mark) and self.file.bytes_before(self.end) != self._mark

    def _change_state(self, state: FileState) -> None:
        if state is self.state:
            return
        self.state = state
        if state is not FileState.FOLLOWED:
            _logger.warning("source %s: the file %s %s", self.name, self.file.path, _SEEN[state])

    def check_unchanged(self) -> None:
        """Raise SqlError when the file lost bytes that other readers have read."""
        self.has_news()
        self.look()
        if self.state is FileState.TRUNCATED:
            raise SqlError(
                f"the file of source '{self.name}' was truncated or rewritten after it was read",
                "58030",
                detail=str(self.file.path),
                hint="views that exist keep what they have read: DROP the source and CREATE it "
                "to read the file from its beginning",
            )

    def read_live(self, most: int) -> Slice:
        """Read with the live reader; `stamp` assigns the time afterwards."""
        assert self.live is not None
        return self.count(self.live.read(self.file.size, most), self.live.position)

    def stamp(self, time: int) -> None:
        """Assign `time` to the bytes of the live reader, or, without one, to the whole file."""
        if self.finished or not self.is_read:
            return
        if self.live is not None:
            end = self.live.position
        else:
            end = _WHOLE_FILE if self.file.compressed else self.file.size
        if end > self.end:
            self._times.append(time)
            self._ends.append(end)
            if self.file.tail:
                self._mark = self.file.bytes_before(end)
        if not self.file.tail:
            self.finished = True
            self._fingerprint = self.file.fingerprint()

    def end_at(self, time: int) -> int:
        """The number of bytes that had come at `time`."""
        index = bisect_right(self._times, time)
        return self._ends[index - 1] if index else 0

    def part_after(self, position: int) -> tuple[int, int] | None:
        """The time and the end of the part that `position` is in."""
        index = bisect_right(self._ends, position)
        return (self._times[index], self._ends[index]) if index < len(self._ends) else None

    def compact(self, since: int) -> None:
        """Compact the times before `since` into one."""
        if since <= self._since:
            return
        self._since = since
        gone = bisect_right(self._times, since) - 1
        if gone > 0:
            del self._times[:gone]
            del self._ends[:gone]

    def replay(self, as_of: int) -> SourceReplay:
        self.check_unchanged()
        return SourceReplay(self, as_of)

    def count(self, slice: Slice, position: int) -> Slice:
        """Count what a reader that is at `position` has just read, once for all readers."""
        if position - slice.size == self._counted and slice.size:
            self._counted = position
            self.bytes_read += slice.size
            self.rows_read += len(slice.rows)
            for text, count in slice.errors.items():
                self.errors[text] = self.errors.get(text, 0) + count
                self.errors_total += count
        return slice

    def adopt(self, reader: FileReader) -> None:
        """Take over the reader of a dataflow that has caught up, if there is no live one."""
        if self.live is None and not self.finished:
            assert reader.position == self.end
            self.live = reader
        else:
            reader.close()

    @property
    def is_read(self) -> bool:
        """Whether anybody but the catalog needs it."""
        return self.users > self.in_catalog

    def rest(self) -> None:
        """Close the live reader when no dataflow needs its rows."""
        if self.live is not None and not self.is_read:
            self.live.close()
            self.live = None

    def free(self) -> list[Collection]:
        self.rest()
        self.file.close()
        return []


class SourceReplay:
    """A replay from the file; it keeps times apart that it has not reached yet."""

    def __init__(self, source: Source, as_of: int) -> None:
        source.check_readable(as_of)
        self.needs_after = as_of
        self._source = source
        self._first_end = source.end_at(as_of)
        self._reader: FileReader | None = source.file.reader()
        source.holders.add(self)

    @property
    def next_time(self) -> int | None:
        assert self._reader is not None
        if self._reader.position < self._first_end:
            return self.needs_after
        part = self._source.part_after(self._reader.position)
        return part[0] if part else None

    def take(self) -> Appended:
        assert self._reader is not None
        time, end = self.needs_after, self._first_end
        if self._reader.position >= end:
            part = self._source.part_after(self._reader.position)
            assert part is not None
            time, end = part
        slice = self._reader.read(end, REPLAY_BYTES)
        self._source.count(slice, self._reader.position)
        if not slice.size:
            # The end of a compressed file, or of one that is shorter than it was.
            self._reader.position = end
        self.needs_after = max(self.needs_after, time - 1)
        return slice.rows

    def hand_over(self) -> None:
        """Having caught up, let the source go on with this reader."""
        assert self._reader is not None
        self._source.adopt(self._reader)
        self._reader = None

    def fell_behind(self) -> None:
        """Nothing to do: a source's history costs two numbers for each time."""

    def close(self) -> None:
        self._source.holders.discard(self)
        if self._reader is not None:
            self._reader.close()
            self._reader = None
