"""Lines to rows, for each format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.sources import LINE_NUMBER, row_format
from engine.sources.frame import Frame, is_utf8
from engine.sources.lines import NOT_UTF8
from engine.sql.statements import (
    BytesFormat,
    CsvFormat,
    Format,
    JsonFormat,
    RegexFormat,
    TextFormat,
)
from engine.types import JSONB
from engine.zset import Row


def rows(format: Format, whole: bytes, header: bytes | None = None) -> tuple[list[Row], dict]:
    errors: dict[str, int] = {}
    return list(row_format(format, header).appended(whole, 0, errors)), errors


def names(format: Format, header: bytes | None = None) -> list[str]:
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


FRAMES = [
    r"^data: (?P<data>\{.*\})$",
    r"^(.*)$",
    r"^(?P<all>a.*)$",
    r"^ab(a.*ba)b$",
    r"^\.(.*)\|$",
    r"^ä(.*)ß$",
]


@pytest.mark.parametrize("pattern", FRAMES)
@given(st.lists(st.text("ab. |äß{}😀", max_size=8), max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_pattern_with_one_gap_is_the_regular_expression(pattern: str, lines: list[str]) -> None:
    frame = Frame.of(pattern)
    assert frame is not None
    given_lines = [*lines, f"data: {{{''.join(lines)}}}", *(f"ab{line}ab" for line in lines)]
    matches = [match[1] for line in given_lines if (match := re.search(pattern, line))]
    values = frame.values("".join(f"{line}\n" for line in given_lines).encode())
    assert values is not None
    assert (list(values), values.utf8) == (matches, [match.encode() for match in matches])


@pytest.mark.parametrize("before", range(65_530, 65_540))
@pytest.mark.parametrize("character", ["é".encode(), "\u20ac".encode(), "😀".encode()])
def test_utf8_is_checked_across_pieces(before: int, character: bytes) -> None:
    data = b"x" * before + character
    assert is_utf8(data)
    assert is_utf8(data + b"x" * 65_536)
    for broken in (data[:-1], data[:-1] + b"x" * 65_536, data + character[1:]):
        assert not is_utf8(broken)


@pytest.mark.parametrize(
    "pattern",
    [r"data: (.*)$", r"^(.*)", r"^(.*)|(b)$", r"^a+(.*)$", r"^(\d.*)$", r"^(.*?)$", "^a$"],
)
def test_other_patterns_are_left_to_the_regular_expression(pattern: str) -> None:
    assert Frame.of(pattern) is None


def test_a_line_that_is_not_utf8_is_counted_whether_it_matches_or_not() -> None:
    for line in (b"data: {\xff}\n", b"\xff\n"):
        got, errors = rows(RegexFormat(FRAMES[0]), b"data: {}\n" + line + b"data: {}\n")
        assert got == [("{}", 1), ("{}", 2)]
        assert errors == {NOT_UTF8: 1}


def test_an_alternative_is_also_found_further_on() -> None:
    assert rows(RegexFormat("^(?P<a>a)|(?P<b>b)"), b"xb\nab\n")[0] == [
        (None, "b", 1),
        ("a", None, 2),
    ]


def test_a_bad_pattern_is_refused_by_name() -> None:
    with pytest.raises(SqlError, match=r"invalid regular expression: \(a"):
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
    got, errors = rows(CSV, b"a,b\n1,2,3\na,b,c,d\n")
    assert got == [("1", "2", "3", 1)]
    assert errors == {
        "Decode error: CSV: expected 3 columns, got 2": 1,
        "Decode error: CSV: expected 3 columns, got 4": 1,
    }


def test_a_csv_record_may_span_lines() -> None:
    given = b'a,"b\nc",d\n"x\r\n""y""",,\n1,2,3\n'
    assert rows(CSV, given) == (
        [("a", "b\nc", "d", 1), ('x\r\n"y"', "", "", 2), ("1", "2", "3", 3)],
        {},
    )
    got, errors = rows(CSV, b'a,"\xff\n",b\n1,2,3\n')
    assert (got, errors) == ([("1", "2", "3", 1)], {NOT_UTF8: 1})


def test_json() -> None:
    assert names(JsonFormat()) == ["data", LINE_NUMBER]
    got, errors = rows(JsonFormat(), b'{"a": [1]}\n{"a": torn\nnull\n')
    assert [(JSONB.to_text(document), number) for document, number in got] == [
        ('{"a":[1]}', 1),
        ("null", 2),
    ]
    [(text, count)] = errors.items()
    assert (text.startswith("Decode error: JSON: invalid input syntax"), count) == (True, 1)


def test_csv_with_another_delimiter() -> None:
    format = CsvFormat(header=False, width=2, delimiter="|")
    assert rows(format, b"a|b,c\n")[0] == [("a", "b,c", 1)]


def test_the_header_names_the_columns() -> None:
    format = CsvFormat(header=True, width=None)
    assert names(format, b'id,"full name"\r\n') == ["id", "full name", LINE_NUMBER]
    with pytest.raises(SqlError, match="first line is there"):
        row_format(format, None)


def test_a_header_that_is_not_the_expected_one_is_refused() -> None:
    format = CsvFormat(header=True, width=None, column_names=("a", "b"))
    with pytest.raises(SqlError, match="has the columns a, c, expected a, b"):
        row_format(format, b"a,c\n")
