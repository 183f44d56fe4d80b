"""A file with several readers, each at its own place."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from engine.errors import SqlError
from engine.sources import FileReader, FileState, SourceFile
from engine.sql.statements import BytesFormat, CreateSource, CsvFormat, Format, TextFormat
from engine.zset import Row

LONGEST = 1000


def source(path: Path, **more: object) -> SourceFile:
    options = {"format": TextFormat(), "tail": True, "sql": "", **more}
    return SourceFile(CreateSource(("s",), str(path), **options), LONGEST)  # type: ignore[arg-type]


def read_all(reader: FileReader, most: int = 7) -> list[Row]:
    rows: list[Row] = []
    while (slice := reader.read(None, most)).size:
        rows += slice.rows
    return rows


def test_readers_have_places_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one\ntwo\nthree\n")
    file = source(path)
    first, second = file.reader(), file.reader()
    assert read_all(first) == [("one", 1), ("two", 2), ("three", 3)]
    with path.open("a") as more:
        more.write("four\n")
    assert read_all(first) == [("four", 4)]
    assert read_all(second, most=1) == [("one", 1), ("two", 2), ("three", 3), ("four", 4)]


def test_nothing_is_read_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one\ntwo\n")
    reader = source(path).reader()
    assert list(reader.read(6, 100).rows) == [("one", 1)]
    assert reader.read(6, 100).size == 0
    assert list(reader.read(8, 100).rows) == [("two", 2)]


def test_what_is_written_below_the_old_length_of_a_cut_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one\ntwo\n")
    reader = source(path).reader()
    assert len(read_all(reader)) == 2
    os.truncate(path, 0)
    with path.open("a") as more:
        more.write("new\n")
    assert read_all(reader) == []
    with path.open("a") as more:
        more.write("xxx\nlast\n")
    assert read_all(reader) == [("last", 3)]


def test_the_file_is_followed_and_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    file = source(path)
    path.rename(tmp_path / "rotated")
    path.write_text("new\nnew\n")
    assert read_all(file.reader()) == [("old", 1)]


def test_a_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    file = source(path, tail=False, compressed=True)
    assert read_all(file.reader()) == read_all(file.reader()) == [("one", 1), ("two", 2)]


def test_a_broken_compressed_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"one\n" * 10000)[:-20])
    with pytest.raises(SqlError, match="no whole gzip file"):
        read_all(source(path, tail=False, compressed=True).reader(), most=1_000_000)


def test_a_compressed_file_cannot_be_tailed(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(SqlError, match="cannot be tailed"):
        source(path, compressed=True)


def test_the_header_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,name\n1,x\n")
    file = source(path, format=CsvFormat(header=True, width=None))
    assert [column.name for column in file.format.columns] == ["id", "name", "mz_line_no"]
    assert read_all(file.reader(), most=3) == [("1", "x", 1)]


def test_a_missing_file_is_the_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(SqlError, match=r"^No such file or directory \(os error 2\)$"):
        source(tmp_path / "missing")


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SqlError, match="no regular file"):
        source(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SqlError, match="no regular file"):
        source(tmp_path / "pipe")


CSV = CsvFormat(header=True, width=None)
MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("data", "format", "expected"),
    [
        (b"one\nlast", TextFormat(), [("one", 1), ("last", 2)]),
        (b"last", TextFormat(), [("last", 1)]),
        (b"", TextFormat(), []),
        (MARK + b"one\n", TextFormat(), [("one", 1)]),
        (MARK + b"one\n", BytesFormat(), [(MARK + b"one", 1)]),
        (b'a,b\n1,"x\ny"\n2,z', CSV, [("1", "x\ny", 1), ("2", "z", 2)]),
        (MARK + b'"a\n",b\n1,2', CSV, [("1", "2", 1)]),
        (b'a,b\n1,2\n3,"open\n4,5\n', CSV, [("1", "2", 1)]),
    ],
)
def test_a_file_that_does_not_grow_is_read_to_its_end(
    tmp_path: Path, data: bytes, format: Format, expected: list[Row], compressed: bool, most: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(data) if compressed else data)
    file = source(path, format=format, tail=False, compressed=compressed)
    reader = file.reader()
    limit = 2**40 if compressed else file.size
    rows: list[Row] = []
    while (slice := reader.read(limit, most)).size or slice.rows:
        rows += slice.rows
    assert rows == expected


def test_the_last_line_of_a_file_that_grows_waits(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(MARK + b"one\nla")
    reader = source(path).reader()
    assert read_all(reader, most=2) == [("one", 1)]
    with path.open("a") as more:
        more.write("st\n")
    assert read_all(reader) == [("last", 2)]


def test_a_quoted_field_that_never_ends_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text('a,b\n1,"open\n' + "2,3\n" * 500)
    reader = source(path, format=CsvFormat(header=True, width=None)).reader()
    errors: dict[str, int] = {}
    rows: list[Row] = []
    while (slice := reader.read(None, 700)).size:
        rows += slice.rows
        errors |= slice.errors
    assert errors == {"record too long: it has more than 1000 bytes": 1}
    assert [row[:2] for row in rows] == [("2", "3")] * 500


def test_what_became_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one\n")
    file = source(path)
    assert file.state() is FileState.FOLLOWED
    path.rename(tmp_path / "rotated")
    assert file.state() is FileState.MISSING
    path.write_text("one\n")
    assert file.state() is FileState.REPLACED
