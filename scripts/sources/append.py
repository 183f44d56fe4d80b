"""Appends lines to a file that is being tailed: never truncated, never left with half a line.

A crash can cut a line anywhere, also inside a character. The next writer completes the cut
character, since a line that is not UTF-8 breaks every view over the file, and ends the line with
` torn`, so that it does not match the source's pattern. The engine may have read the first half
already, so no byte is ever removed.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from scripts.sources.strict import RefusedError, line_of

MIN_FREE = 1_000_000_000
"""Bytes that stay free on the disk: a full one breaks more than this source."""
_LOOK_EVERY = 16_000_000
"""Bytes that are written between two looks at the disk."""


class FullError(Exception):
    """The file or the disk has reached its limit; nothing of what would pass it was written."""


class BusyError(Exception):
    """Another process appends to the file."""


class Appender:
    """The only writer of `path`, which is created if need be and repaired if it was cut.

    `limit` is the size that the file may reach; without one it ends when the disk has `min_free`
    bytes left, since nothing can be taken out of a file that is being read. `written` counts lines
    and `refused` events that were left out, by reason; `size` is the file's. Use as a context
    manager. Raises BusyError, and OSError if the file cannot be opened.
    """

    def __init__(self, path: Path, limit: int | None = None, min_free: int = MIN_FREE) -> None:
        self.path = path
        self.limit = limit
        self._min_free = min_free
        self._next_look = 0
        self.written = 0
        self.refused: Counter[str] = Counter()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self._lock()
            self.size = os.fstat(self._file).st_size
            self.repaired = self._repair()
        except BaseException:
            os.close(self._file)
            raise

    @property
    def summary(self) -> str:
        return f"{self.written:,} events written, the file has {self.size:,} bytes"

    def append(self, events: Iterable[bytes]) -> None:
        """Write each event as a line, all of them in one write; count and leave out the refused.

        Raises FullError once the limit is reached, after the lines that fit, and OSError when the
        disk takes no more.
        """
        lines = bytearray()
        count = 0
        full = False
        for event in events:
            try:
                line = line_of(event)
            except RefusedError as error:
                self.refused[str(error)] += 1
                continue
            full = self.limit is not None and self.size + len(lines) + len(line) > self.limit
            if full:
                break
            lines += line
            count += 1
        self._check_disk(len(lines))
        self._write(lines)
        self.written += count
        if full:
            raise FullError(f"{self.path} has reached its limit of {self.limit or 0:,} bytes")

    def _check_disk(self, size: int) -> None:
        """Raise FullError if the disk has too little room; look now and then only."""
        if self.size + size < self._next_look:
            return
        self._next_look = self.size + size + _LOOK_EVERY
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < self._min_free:
            raise FullError(
                f"the disk of {self.path} has less than {self._min_free:,} bytes left, which stay"
                " free"
            )

    def _write(self, data: bytes | bytearray) -> None:
        """Write all of `data`; a disk that is nearly full takes a part of it first."""
        view = memoryview(data)
        while view:
            taken = os.write(self._file, view)
            self.size += taken
            view = view[taken:]

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another process is appending to {self.path}") from None

    def _repair(self) -> bool:
        """End a line that a crash cut; return whether there was one."""
        end = os.pread(self._file, 3, max(0, self.size - 3))
        if not end or end.endswith(b"\n"):
            return False
        self._write(missing_bytes(end) + b" torn\n")
        return True

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def missing_bytes(end: bytes) -> bytes:
    """Return the bytes that complete the UTF-8 character that `end` cuts; none if it cuts none."""
    for present in range(1, min(3, len(end)) + 1):
        lead = end[-present]
        if lead >= 0xC0:
            width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            missing = width - present
            # After E0 and F0 the second byte has a higher least value: below it, overlong.
            second = {0xE0: b"\xa0", 0xF0: b"\x90"}.get(lead, b"\x80") if present == 1 else b"\x80"
            return (second + b"\x80\x80")[:missing] if missing > 0 else b""
        if lead < 0x80:
            break
    return b""
