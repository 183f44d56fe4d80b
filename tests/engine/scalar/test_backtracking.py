"""Regular expressions that backtrack without end, and those that only look as if they might."""

from __future__ import annotations

import re

import pytest

from engine.errors import SqlError
from engine.scalar.functions import backtracking
from engine.scalar.functions.patterns import matches, regexp_count, regexp_match, regexp_replace
from engine.session.statements import RegexFormat
from engine.sources.formats import row_format
from tests.engine.scalar.evaluate import value

ENDLESS = "a" * 60 + "!"


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtracking, "BEAT", 0.03)
    monkeypatch.setattr(backtracking, "_failed", {})


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", r"^(\w*)*\d$"])
def test_an_endless_search_is_an_error_of_its_value(pattern: str) -> None:
    with pytest.raises(SqlError, match=re.escape(f"{pattern} takes too long on a text of 61")):
        matches(ENDLESS, pattern)
    assert matches("a" * 60, "^(a+)+$")


def test_every_function_is_bounded() -> None:
    for search in (
        lambda: regexp_match(ENDLESS, "^(a+)+$"),
        lambda: regexp_replace(ENDLESS, "^(a+)+$", "x"),
        lambda: regexp_count(ENDLESS, "^(a+)+$"),
        lambda: value(f"'{ENDLESS}' ~* '^(A+)+$'"),
    ):
        with pytest.raises(SqlError, match="takes too long"):
            search()


def test_a_value_that_took_too_long_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SqlError):
        matches(ENDLESS, "^(a+)+$")
    monkeypatch.setattr(backtracking, "BEAT", 1000.0)
    with pytest.raises(SqlError, match="takes too long"):
        matches(ENDLESS, "^(a+)+$")


def test_the_failed_ones_that_are_remembered_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtracking, "_MOST_FAILED", 2)
    for number in range(4):
        with pytest.raises(SqlError):
            matches("a" * (60 + number) + "!", "^(a+)+$")
    assert [length for _, length, _ in backtracking._failed] == [63, 64]


def test_long_texts_are_searched() -> None:
    text = "x" * 100_000 + "needle 12"
    assert matches(text, r"needle \d+$")
    assert regexp_match(text, r"(n\w+) (\d+)") == ("needle", "12")


def test_a_line_on_which_a_source_takes_too_long_is_counted_and_left_out() -> None:
    errors: dict[str, int] = {}
    rows = row_format(RegexFormat("^((a+)+)$"), None).rows(
        f"aaa\n{ENDLESS}\nb\naa\n".encode(), 0, errors
    )
    assert [(row[0], row[-1]) for row in rows] == [("aaa", 1), ("aa", 2)]
    assert list(errors.values()) == [1]
    assert "takes too long" in next(iter(errors))
