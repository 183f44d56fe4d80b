"""CSV and COPY's text format, whole and cut at every byte."""

from __future__ import annotations

import pytest

from engine.delimited import CsvReader, Dialect, TextReader
from engine.errors import SqlError

CSV = [
    (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
    (b"a,b", [["a", "b"]]),
    (b"a\r\nb\r\n", [["a"], ["b"]]),
    (b"\n\na\n\n", [["a"]]),
    (b",\n", [[None, None]]),
    (b'"",x\n', [["", "x"]]),
    (b'"a,b","c\nd","e""f"\n1,2,3\n', [["a,b", "c\nd", 'e"f'], ["1", "2", "3"]]),
    (b'5" disk,x\n"y"\n', [['5" disk', "x"], ["y"]]),
    (b'"a"b,c\n', [["ab", "c"]]),
    ('"é\n€",ü\n'.encode(), [["é\n€", "ü"]]),
    (b'"a\r\nb"\r\n', [["a\r\nb"]]),
]


def read(reader: CsvReader | TextReader, *pieces: bytes) -> list[list[str | None]]:
    rows = [row for piece in pieces for row in reader.feed(piece)]
    return rows + list(reader.finish())


@pytest.mark.parametrize(("data", "rows"), CSV)
def test_csv_wherever_it_is_cut(data: bytes, rows: list[list[str | None]]) -> None:
    assert read(CsvReader(Dialect()), data) == rows
    assert read(CsvReader(Dialect()), *(data[i : i + 1] for i in range(len(data)))) == rows


def test_csv_of_another_dialect() -> None:
    dialect = Dialect(delimiter=";", quote="'", escape="\\", null="-")
    assert read(CsvReader(dialect), b"'a;\\'b';-;'-'\n") == [["a;'b", None, "-"]]


def test_a_quoted_field_that_never_ends() -> None:
    with pytest.raises(SqlError, match="unterminated CSV quoted field"):
        read(CsvReader(Dialect()), b'a\n"b\nc\n')


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a\tb\n", [["a", "b"]]),
        (b"a\\tb\t\\N\t\\\\N\n", [["a\tb", None, "\\N"]]),
        (b"\\x41\\101\\q\t\n", [["AAq", ""]]),
        (b"last", [["last"]]),
        (b"a\n\\.\nb\n", [["a"]]),
        (b"\n", [[""]]),
    ],
)
def test_text(data: bytes, rows: list[list[str | None]]) -> None:
    assert read(TextReader(), data) == rows
    assert read(TextReader(), *(data[i : i + 1] for i in range(len(data)))) == rows


@pytest.mark.parametrize("reader", [TextReader(), CsvReader(Dialect())])
def test_what_is_not_utf8_is_an_error(reader: CsvReader | TextReader) -> None:
    with pytest.raises(SqlError, match='invalid byte sequence for encoding "UTF8"'):
        read(reader, b"a\xffb\n")


def test_a_long_quoted_field_takes_linear_time() -> None:
    data = b'"' + b'a""' * 200_000 + b'"\n'
    assert read(CsvReader(Dialect()), data) == [['a"' * 200_000]]
