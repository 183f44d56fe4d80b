"""Lines to rows, for each format."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.session.statements import BytesFormat, CsvFormat, Format, RegexFormat, TextFormat
from engine.sources import LINE_NUMBER, row_format
from engine.zset import Row


def rows(format: Format, whole: bytes, header: str | None = None) -> tuple[list[Row], dict]:
    errors: dict[str, int] = {}
    return row_format(format, header).rows(whole, 0, errors), errors


def names(format: Format, header: str | None = None) -> list[str]:
    return [column.name for column in row_format(format, header).columns]


def test_text() -> None:
    assert names(TextFormat()) == ["text", LINE_NUMBER]
    assert rows(TextFormat(), b"a\n\nb\n")[0] == [("a", 1), ("", 2), ("b", 3)]


def test_bytes_need_not_be_text() -> None:
    assert names(BytesFormat()) == ["data", LINE_NUMBER]
    assert rows(BytesFormat(), b"\xff\na\n") == ([(b"\xff", 1), (b"a", 2)], {})


def test_a_regex_gives_its_groups_and_numbers_the_rows_it_matched() -> None:
    format = RegexFormat(r"(?P<word>[a-z]+)(=(\d+))?")
    assert names(format) == ["word", "column2", "column3", LINE_NUMBER]
    assert rows(format, b"x=1\n--\n  y\n")[0] == [("x", "=1", "1", 1), ("y", None, None, 2)]


def test_the_pattern_of_the_event_stream() -> None:
    format = RegexFormat(r"^data: (?P<data>\{.*\})$")
    given = b'data: {"a": 1}\ndata: {"a": torn\n data: {}\ndata: {} torn\ndata: {}\r\ndata: {}\n'
    assert rows(format, given) == ([('{"a": 1}', 1), ("{}", 2)], {})


def test_an_alternative_is_also_found_further_on() -> None:
    assert rows(RegexFormat("^(?P<a>a)|(?P<b>b)"), b"xb\nab\n")[0] == [
        (None, "b", 1),
        ("a", None, 2),
    ]


def test_a_bad_pattern_is_refused_by_name() -> None:
    with pytest.raises(SqlError, match=r"invalid regular expression '\(a'"):
        row_format(RegexFormat("(a"), None)


CSV = CsvFormat(header=False, width=3)


def test_csv() -> None:
    assert names(CSV) == ["column1", "column2", "column3", LINE_NUMBER]
    given = b'a,b,c\n"x, ""y""",,"z"\r\n\n1,2,3\n'
    assert rows(CSV, given) == (
        [("a", "b", "c", 1), ('x, "y"', "", "z", 2), ("1", "2", "3", 3)],
        {},
    )


def test_csv_records_of_another_width_are_counted() -> None:
    got, errors = rows(CSV, b'a,b\n1,2,3\na,b,c,d\n"open,b,c\n')
    assert got == [("1", "2", "3", 1)]
    assert errors == {
        "Decode error: CSV: expected 3 columns, got 2": 1,
        "Decode error: CSV: expected 3 columns, got 4": 1,
        "Decode error: CSV: a quoted field does not end on its line": 1,
    }


def test_csv_with_another_delimiter() -> None:
    format = CsvFormat(header=False, width=2, delimiter="|")
    assert rows(format, b"a|b,c\n")[0] == [("a", "b,c", 1)]


def test_the_header_names_the_columns() -> None:
    format = CsvFormat(header=True, width=None)
    assert names(format, 'id,"full name"\r') == ["id", "full name", LINE_NUMBER]
    with pytest.raises(SqlError, match="first line is there"):
        row_format(format, None)


def test_a_header_that_is_not_the_expected_one_is_refused() -> None:
    format = CsvFormat(header=True, width=None, column_names=("a", "b"))
    with pytest.raises(SqlError, match="has the columns a, c, expected a, b"):
        row_format(format, "a,c")
