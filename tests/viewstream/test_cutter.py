"""The core that closes times: what it reports, when, and what it costs."""

from __future__ import annotations

import pytest

from viewstream.cutter import Cutter, parse_diff, parse_tail_time
from viewstream.protocol import MAX_TIME, ProtocolError, Row, Update


def cutter(largest: int = 1000) -> tuple[Cutter, list[tuple[int, list[Update] | None]]]:
    closed: list[tuple[int, list[Update] | None]] = []
    return Cutter(10, lambda time, updates: closed.append((time, updates)), largest), closed


def test_a_time_is_reported_once_it_is_closed_and_only_if_something_happened() -> None:
    cut, closed = cutter()
    cut.advance(11)[("a",)] = 1
    cut.advance(11)[("b",)] = 0
    assert closed == []
    cut.advance(15)
    cut.advance(20)
    assert closed == [(11, [(11, 1, ("a",))])]
    assert cut.upper == 20


def test_an_earlier_time_closes_nothing() -> None:
    cut, closed = cutter()
    counts = cut.advance(11)
    counts[("a",)] = 1
    assert cut.advance(11) is cut.advance(5) is counts
    assert (closed, cut.upper) == ([], 11)


@pytest.mark.parametrize(("length", "is_kept"), [(9, True), (10, True), (11, False)])
def test_the_open_time_may_be_just_as_large_as_the_limit(length: int, is_kept: bool) -> None:
    cut, closed = cutter(largest=10)
    cut.advance(11)[("x" * length,)] = 1
    cut.bound_open_time(length)
    cut.bound_open_time(1)
    cut.advance(12)
    assert closed == [(11, [(11, 1, ("x" * length,))] if is_kept else None)]


def test_a_time_after_one_that_was_too_large_is_kept() -> None:
    cut, closed = cutter(largest=10)
    cut.advance(11)[("x" * 11,)] = 1
    cut.bound_open_time(11)
    cut.advance(12)[("a",)] = 1
    cut.bound_open_time(10)
    cut.advance(13)
    assert closed == [(11, None), (12, [(12, 1, ("a",))])]


class Counting(dict[Row, int]):
    """Counts of rows that count how often all of them are looked at."""

    scans = 0

    def items(self):  # type: ignore[no-untyped-def]
        self.scans += 1
        return super().items()


def test_bounding_looks_at_all_rows_only_when_the_bytes_read_ask_for_it() -> None:
    """Else a large time would cost the square of its rows."""
    cut, _ = cutter(largest=1000)
    counts = cut._counts = Counting()
    for number in range(1000):
        counts[(f"{number:010}",)] = 1
        counts[(f"{number:010}",)] -= 1
        cut.bound_open_time(20)  # a row that came and went
    assert 1 <= counts.scans <= 20_000 // 1000
    assert len(counts) <= 100


@pytest.mark.parametrize(
    ("text", "time"),
    [("0", 0), ("12", 12), (str(MAX_TIME), MAX_TIME - 1), ("1" * 20, MAX_TIME - 1)],
)
def test_times(text: str, time: int) -> None:
    assert parse_tail_time(text) == time


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1" * 21, "one", " 1", "1_0", "\u0661"])
def test_an_invalid_time_is_an_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="expected a time of up to 20 digits"):
        parse_tail_time(text)


@pytest.mark.parametrize("text", ["", "0", "+1", "01", "-0", "1.0", "1" * 20, "\u0661"])
def test_an_invalid_diff_is_an_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="expected a diff that is an integer and not 0"):
        parse_diff(text)
    assert [parse_diff(right) for right in ("1", "-1", "9" * 19)] == [1, -1, 10**19 - 1]
