"""A file that is read from its first byte on, by any number of readers."""

from __future__ import annotations

import enum
import gzip
import io
import logging
import os
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.delimited import BYTE_ORDER_MARK, whole_records
from engine.errors import SqlError
from engine.sources.formats import RowFormat, csv_dialect, row_format
from engine.sources.lines import Cutter, ErrorCounts
from engine.sql.statements import CreateSource, CsvFormat
from engine.zset import Appended

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_logger = logging.getLogger(__name__)

_HEADER_BYTES = 1024 * 1024
_MARK_BYTES = 256


class FileState(enum.Enum):
    """The state of the file; the values are those of `mz_source_statistics.file_state`."""

    FOLLOWED = "followed"
    REPLACED = "replaced"
    """Its name refers to another file: the log was rotated."""
    MISSING = "missing"
    TRUNCATED = "truncated"
    """It is shorter than what was read of it, or was rewritten: nothing more is read."""


@dataclass
class Slice:
    """The result of one read: rows, the number of bytes they came from, the lines left out."""

    rows: Appended = field(default_factory=lambda: Appended([()]))
    size: int = 0
    errors: ErrorCounts = field(default_factory=dict)


class SourceFile:
    """The file of one source. It is opened once, and followed under that name no further.

    Raises SqlError when the file cannot be read, or is no file. One that `may_be_missing` counts as
    empty until it is there.
    """

    def __init__(
        self, statement: CreateSource, longest_line: int, *, may_be_missing: bool = False
    ) -> None:
        self.path = Path(statement.path)
        self.tail = statement.tail
        self.compressed = statement.compressed
        if self.tail and self.compressed:
            raise SqlError("a compressed file cannot be tailed: leave out tail = true")
        self._longest_line = longest_line
        self._descriptor = -1
        try:
            self._descriptor = _open(self.path)
        except SqlError as error:
            if not may_be_missing:
                raise
            _logger.warning("%s: %s", self.path, error)
        try:
            self.format: RowFormat = row_format(statement.format, self._header(statement))
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many bytes the file has now (those on disk, when it is compressed)."""
        if self._descriptor < 0:
            if not self.path.exists():
                return 0
            self._descriptor = _open(self.path)
        return os.fstat(self._descriptor).st_size

    @property
    def descriptor(self) -> int:
        """The open file; negative while it is missing."""
        return self._descriptor

    def reader(self) -> FileReader:
        """A reader that begins at the first byte."""
        cutter = self.format.cutter(self._longest_line)
        if self.compressed:
            return GzipReader(self, cutter)
        return FileReader(self, cutter)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def state(self) -> FileState:
        """Compare the file that is open with what its name refers to now."""
        if self._descriptor < 0:
            return FileState.MISSING
        opened = os.fstat(self._descriptor)
        try:
            named = self.path.stat()
        except OSError:
            return FileState.MISSING
        same = (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
        return FileState.FOLLOWED if same else FileState.REPLACED

    def bytes_before(self, end: int) -> bytes:
        """Return the last bytes below `end`, which change when a file is written again."""
        if self._descriptor < 0:
            return b""
        size = min(end, _MARK_BYTES)
        return os.pread(self._descriptor, size, end - size)

    def fingerprint(self) -> tuple[int, int] | None:
        """Return the size and the modification time, which change when the file is written."""
        if self._descriptor < 0:
            return None
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def _header(self, statement: CreateSource) -> bytes | None:
        """The first record, if the format takes the names of columns from it."""
        if not (isinstance(statement.format, CsvFormat) and statement.format.header):
            return None
        if self._descriptor < 0:
            return None
        if self.compressed:
            with _gunzip(self._descriptor) as stream:
                start = stream.read(_HEADER_BYTES)
        else:
            start = os.pread(self._descriptor, _HEADER_BYTES, 0)
        start = start.removeprefix(BYTE_ORDER_MARK)
        if not self.tail and len(start) < _HEADER_BYTES and start[-1:] != b"\n":
            start += b"\n"
        return next(whole_records(csv_dialect(statement.format), start), None)


class FileReader:
    """One reader's place in a file. `position` is the number of bytes it has taken."""

    def __init__(self, file: SourceFile, cutter: Cutter) -> None:
        self.position = 0
        self._file = file
        self._cutter = cutter
        self._rows = 0
        self._at_beginning = True
        self._finished = file.tail
        """Whether the last line was taken, which in a file that grows waits for its newline."""

    def read(self, limit: int | None, most: int) -> Slice:
        """Take up to `most` bytes, none at or after `limit`; a size of 0 means the end."""
        room = most if limit is None else min(most, limit - self.position)
        data = self._bytes(room) if room > 0 else b""
        self.position += len(data)
        result = Slice(size=len(data))
        whole = self._cutter.feed(data, result.errors)
        at_limit = limit is not None and self.position >= limit
        if not self._finished and (at_limit or len(data) < room):
            self._finished = True
            whole += self._cutter.finish(result.errors)
        if whole and self._at_beginning:
            whole = self._without_beginning(whole)
        if whole:
            result.rows = self._file.format.appended(whole, self._rows, result.errors)
            self._rows += len(result.rows)
        return result

    def _without_beginning(self, whole: bytes) -> bytes:
        """Drop the byte order mark and the header from the first lines."""
        self._at_beginning = False
        if self._file.format.has_mark:
            whole = whole.removeprefix(BYTE_ORDER_MARK)
        if self._file.format.header:
            whole = whole[self._file.format.header_size(whole) :]
        return whole

    def close(self) -> None:
        """Free what the reader uses besides the file."""

    def _bytes(self, most: int) -> bytes:
        return os.pread(self._file.descriptor, most, self.position)


class GzipReader(FileReader):
    """The same for a compressed file; positions count the bytes that come out."""

    def __init__(self, file: SourceFile, cutter: Cutter) -> None:
        super().__init__(file, cutter)
        self._stream = _gunzip(file.descriptor)

    def close(self) -> None:
        self._stream.close()

    def _bytes(self, most: int) -> bytes:
        try:
            return self._stream.read(most)
        except (OSError, EOFError, zlib.error) as error:
            raise SqlError(f"the file is no whole gzip file: {error}") from error


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SqlError(f"{error.strerror} (os error {error.errno})", detail=str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SqlError(f"{path} is no regular file")
    return descriptor


class _Positioned(io.RawIOBase):
    """A descriptor read from its first byte at a place of one's own: a descriptor's is shared."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        size = os.preadv(self._descriptor, [buffer], self._position)
        self._position += size
        return size


def _gunzip(descriptor: int) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=io.BufferedReader(_Positioned(descriptor)), mode="rb")
