"""A file that is read from its first byte on, by any number of readers."""

from __future__ import annotations

import gzip
import io
import logging
import os
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import SqlError
from engine.sources.formats import RowFormat, row_format
from engine.sources.lines import NOT_UTF8, ErrorCounts, LineCutter
from engine.sql.statements import CreateSource, CsvFormat
from engine.zset import Appended

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_logger = logging.getLogger(__name__)

_HEADER_BYTES = 1024 * 1024


@dataclass
class Slice:
    """What one read gave: rows, how many bytes they were cut from, and the lines left out."""

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
        cutter = LineCutter(self._longest_line)
        if self.compressed:
            return GzipReader(self, cutter)
        return FileReader(self, cutter)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _header(self, statement: CreateSource) -> str | None:
        if not (isinstance(statement.format, CsvFormat) and statement.format.header):
            return None
        if self._descriptor < 0:
            return None
        if self.compressed:
            with _gunzip(self._descriptor) as stream:
                start = stream.read(_HEADER_BYTES)
        else:
            start = os.pread(self._descriptor, _HEADER_BYTES, 0)
        line, newline, _ = start.partition(b"\n")
        if not newline:
            return None
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise SqlError(f"{NOT_UTF8} (the header line)") from error


class FileReader:
    """One reader's place in a file. `position` is the number of bytes it has taken."""

    def __init__(self, file: SourceFile, cutter: LineCutter) -> None:
        self.position = 0
        self._file = file
        self._cutter = cutter
        self._rows = 0
        self._header = file.format.header

    def read(self, limit: int | None, most: int) -> Slice:
        """Take up to `most` bytes, none at or after `limit`; a size of 0 means: no more there."""
        room = most if limit is None else min(most, limit - self.position)
        data = self._bytes(room) if room > 0 else b""
        self.position += len(data)
        result = Slice(size=len(data))
        whole = self._cutter.feed(data, result.errors)
        if self._header and whole:
            whole = whole[whole.index(b"\n") + 1 :]
            self._header = False
        if whole:
            result.rows = self._file.format.appended(whole, self._rows, result.errors)
            self._rows += len(result.rows)
        return result

    def close(self) -> None:
        """Free what the reader holds beside the file."""

    def _bytes(self, most: int) -> bytes:
        return os.pread(self._file.descriptor, most, self.position)


class GzipReader(FileReader):
    """The same for a compressed file; positions count the bytes that come out."""

    def __init__(self, file: SourceFile, cutter: LineCutter) -> None:
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
