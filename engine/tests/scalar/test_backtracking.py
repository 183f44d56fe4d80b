"""Regular expressions that backtrack without end, and those that only look as if they might."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.beat import beating
from engine.errors import SqlError
from engine.scalar.functions import backtracking
from engine.scalar.functions.backtracking import on_beat
from engine.scalar.functions.patterns import matches, regexp_count, regexp_match, regexp_replace
from engine.sources.formats import row_format
from engine.sql.statements import RegexFormat
from engine.tests.scalar.evaluate import value

ENDLESS = "a" * 60 + "!"


@pytest.fixture(autouse=True)
def short_beat(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backtracking, "_failed", {})
    with beating(on_beat, 0.03):
        yield


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


def test_a_value_that_took_too_long_is_not_tried_again() -> None:
    with pytest.raises(SqlError):
        matches(ENDLESS, "^(a+)+$")
    with beating(on_beat, 1000), pytest.raises(SqlError, match="takes too long"):
        matches(ENDLESS, "^(a+)+$")


def test_the_failed_ones_that_are_remembered_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtracking, "_MOST_FAILED", 2)
    for number in range(4):
        with pytest.raises(SqlError):
            matches("a" * (60 + number) + "!", "^(a+)+$")
    assert [length for _, length, _ in backtracking._failed] == [63, 64]


def test_the_timer_does_not_outlive_its_handler() -> None:
    """A process that is busy ending is not killed by a beat."""
    program = (
        "from engine.beat import beating\n"
        "with beating(lambda frame: None, 0.001):\n"
        "    keep = [[] for _ in range(1_000_000)]\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


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
