"""From a cursor's rows to deltas: the same times as from COPY's text, without the text."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewstream.bodies import Bodies
from viewstream.deltas import Deltas
from viewstream.protocol import MAX_TIME, Delta, ProtocolError, decode_delta

EPOCH = "1577927045678-u7"


def row(time: int, diff: int, *values: str | None) -> Sequence[str | None]:
    return (str(time), "f", str(diff), *values)


def progress(time: int) -> Sequence[str | None]:
    return (str(time), "t", None, None)


def delta(lower: int, upper: int, *updates: tuple[int, int, tuple[str | None, ...]]) -> Delta:
    return Delta("v", EPOCH, lower, upper, list(updates))


def test_closed_times_are_one_delta() -> None:
    deltas = Deltas("v", EPOCH, 10)
    assert deltas.take() == delta(10, 10)
    deltas.add_rows([row(11, 1, "a"), row(11, 2, None), row(12, -1, "a"), progress(13)])
    deltas.add_rows([row(13, 1, "open")])
    assert deltas.take() == delta(10, 13, (11, 1, ("a",)), (11, 2, (None,)), (12, -1, ("a",)))
    assert deltas.take() == delta(13, 13)


def test_rows_of_one_time_may_come_in_several_fetches() -> None:
    deltas = Deltas("v", EPOCH, 10)
    for diff in (1, -3, 5):
        deltas.add_rows([progress(11), row(11, diff, "a")])
        assert deltas.take().updates == []
    deltas.add_rows([progress(12)])
    assert deltas.take() == delta(11, 12, (11, 3, ("a",)))


def test_the_last_moment_is_closed_by_the_end() -> None:
    deltas = Deltas("v", EPOCH, 10)
    deltas.add_rows([row(2**64 - 1, 1, "a"), progress(2**64 - 1), row(2**64 - 1, 1, "b")])
    assert deltas.take() == delta(10, MAX_TIME - 1)
    deltas.end()
    last = MAX_TIME - 1
    assert deltas.take() == delta(last, MAX_TIME, (last, 1, ("a",)), (last, 1, ("b",)))


def test_a_time_that_is_too_large_leaves_a_gap_and_costs_no_memory() -> None:
    deltas = Deltas("v", EPOCH, 10, largest=1000)
    deltas.add_rows([row(11, 1, "a")])
    for number in range(0, 10_000, 5):
        deltas.add_rows([row(12, 1, f"{number + n:09}") for n in range(5)])
        assert len(deltas._cutter._counts) < 200
    deltas.add_rows([row(13, 1, "b"), progress(14)])
    assert deltas.take() == delta(10, 12, (11, 1, ("a",)))
    assert deltas.take() == delta(13, 14, (13, 1, ("b",)))


def test_a_gap_at_the_end_is_passed_by_the_next_delta() -> None:
    deltas = Deltas("v", EPOCH, 10, largest=3)
    deltas.add_rows([row(11, 1, "a"), row(12, 1, "abcd")])
    deltas.add_rows([progress(20)])
    assert deltas.take() == delta(10, 12, (11, 1, ("a",)))
    assert deltas.take() == delta(13, 20)
    assert deltas.take() == delta(20, 20)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("x", "f", "1", "a"), "a time of up to 20 digits, found 'x'"),
        ((None, "f", "1", "a"), "a time of up to 20 digits, found ''"),
        (("11", "x", "1", "a"), "expected progress, or a row at 10 or later"),
        (("11", None, "1", "a"), "expected progress, or a row at 10 or later"),
        (("9", "f", "1", "a"), "expected progress, or a row at 10 or later"),
        (("11", "f", "0", "a"), "a diff that is an integer and not 0, found '0'"),
        (("11", "f", None, "a"), "a diff that is an integer and not 0, found ''"),
    ],
)
def test_an_invalid_row_is_an_error(wrong: Sequence[str | None], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Deltas("v", EPOCH, 10).add_rows([wrong])


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 5]),
        st.none() | st.tuples(st.sampled_from([1, -1, 3]), st.sampled_from(["a", "b", ""])),
    ),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.integers(1, 5))
def test_cursor_and_copy_give_the_same_deltas(
    steps: list[tuple[int, tuple[int, str] | None]], size: int
) -> None:
    now, rows = 10, []
    for advance, change in steps:
        now += advance
        rows.append(progress(now) if change is None else row(now, *change))
    bodies, deltas = Bodies("v"), Deltas("v", EPOCH, 10)
    bodies.feed(f"# epoch {EPOCH}\n10\tt\t\\N\t\\N\n".encode())
    assert decode_delta(bodies.take(1000)) == deltas.take()
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        lines = ("\t".join(r"\N" if value is None else value for value in row) for row in some)
        bodies.feed("".join(f"{line}\n" for line in lines).encode())
        deltas.add_rows(some)
        assert decode_delta(bodies.take(1 << 20)) == deltas.take()
