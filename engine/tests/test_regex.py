"""Regular expressions take time in proportion to the text, and have Rust's syntax."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.regex import compile_regex
from engine.scalar.functions.patterns import matches, regexp_count, regexp_match, regexp_replace
from engine.sources.formats import row_format
from engine.sql.statements import RegexFormat

ENDLESS = "a" * 10_000 + "!"
"""A text on which an engine that backtracks would not end."""


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", r"^(\w*)*\d$"])
def test_no_pattern_backtracks(pattern: str) -> None:
    assert not matches(ENDLESS, pattern)
    assert regexp_match(ENDLESS, pattern) is None
    assert regexp_replace(ENDLESS, pattern, "x", "g") == ENDLESS
    assert regexp_count(ENDLESS, pattern) == 0


def test_no_pattern_of_a_source_backtracks() -> None:
    errors: dict[str, int] = {}
    rows = row_format(RegexFormat("^((a+)+)$"), None).appended(
        f"aaa\n{ENDLESS}\nb\naa\n".encode(), 0, errors
    )
    assert [(row[0], row[-1]) for row in rows] == [("aaa", 1), ("aa", 2)]
    assert errors == {}


def test_long_texts_are_searched() -> None:
    text = "x" * 100_000 + "needle 12"
    assert matches(text, r"needle \d+$")
    assert regexp_match(text, r"(n\w+) (\d+)") == ("needle", "12")


def test_a_replacement_that_grows_too_long_is_refused() -> None:
    with pytest.raises(SqlError, match="requested length too large"):
        regexp_replace("a" * 20_000, "a", "b" * 10_000, "g")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\w+$", "Zoë_9٣", True),
        (r"\d", "٣", True),
        (r"\s", "\u2028", True),
        (r"\S", "\u00a0", False),
        (r"[^\d\s]", "1 ", False),
        (r"[\D]", "1", False),
        ("[[:alpha:]-]", "-", True),
        ("[]a]", "]", True),
        (r"\u{1F600}", "😀", True),
        (r"\x41", "A", True),
        ("a$", "a\n", False),
        ("(?m)a$", "a\nb", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("(?i)É", "é", True),
    ],
)
def test_the_syntax_is_that_of_rust(pattern: str, text: str, found: bool) -> None:
    assert compile_regex(pattern).test(text) is found


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("(", "2201B"),
        (r"(a)\1", "2201B"),
        ("(?=a)", "2201B"),
        ("a{1001}", "2201B"),
        ("((a{100}){100}){100}", "2201B"),
        ("[a[b]]", "0A000"),
        ("[a--b]", "0A000"),
        (r"[a\W]", "0A000"),
    ],
)
def test_what_cannot_be_run_is_refused(pattern: str, code: str) -> None:
    with pytest.raises(SqlError) as raised:
        compile_regex(pattern)
    assert raised.value.code == code
