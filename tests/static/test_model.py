"""Random histories and messages in any order: the rows are those of the reported position."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.consolidate import consolidate
from viewstream.checksum import checksum
from viewstream.client.change import Change, Rows
from viewstream.client.state import GAP, RefusalError, ViewState, receive
from viewstream.protocol import Base, Column, Delta, Message, Row, Update

COLUMNS = [Column("user", "text"), Column("count", "int8")]
ROWS: list[Row] = [("Alice", "1"), ("Alice", "2"), ("Bob", "1"), (None, "")]
EPOCHS = ["1-u1", "1-u2"]
END = 10
SLOW = [HealthCheck.too_slow]  # it measures the machine, which may have other work to do

Counts = list[tuple[int, ...]]
"""How often each of ROWS is there just before each time from 0 to END."""


def as_counts(number: int) -> tuple[int, ...]:
    """The digits of a number to the base 3: one draw for all rows, which is quick."""
    return tuple(number // 3**digit % 3 for digit in range(len(ROWS)))


counts = st.lists(
    st.integers(0, 3 ** len(ROWS) - 1).map(as_counts), min_size=END, max_size=END
).map(lambda later: [(0,) * len(ROWS), *later])
times = st.integers(0, END)
steps = st.one_of(
    st.tuples(st.just("base"), st.sampled_from([0, 1]), times, times, st.booleans()),
    st.tuples(st.just("delta"), st.sampled_from([0, 1]), times, times, st.booleans()),
    st.tuples(st.just("folded"), st.sampled_from([0, 1]), times, times, st.booleans()),
    st.just("disconnected"),
)


def rows_at(history: Counts, frontier: int) -> Rows:
    return {row: count for row, count in zip(ROWS, history[frontier], strict=True) if count}


def updates_between(history: Counts, lower: int, upper: int) -> list[Update]:
    """The updates at time t lead from the counts before t to those before t + 1."""
    return consolidate(
        (time, after - before, row)
        for time in range(lower, upper)
        for row, before, after in zip(ROWS, history[time], history[time + 1], strict=True)
    )


def make(
    histories: list[Counts], kind: str, which: int, one: int, other: int, sums: bool
) -> Message:
    history, epoch = histories[which], EPOCHS[which]
    lower, upper = sorted((one, other))
    rows = rows_at(history, upper)
    total = checksum((weight, row) for row, weight in rows.items()) if sums else None
    if kind == "base":
        listed = list(Counter(rows).elements())
        return Base("v", epoch, upper, COLUMNS, listed, total)
    updates = updates_between(history, lower, upper)
    if kind == "folded":
        updates = consolidate((upper - 1, diff, row) for _, diff, row in updates)
    return Delta("v", epoch, lower, upper, updates, kind == "folded", total)


def follow(copy: Rows, change: Change) -> None:
    for row, diff in change.rows.items():
        copy[row] = copy.get(row, 0) + diff
        if not copy[row]:
            del copy[row]


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(st.lists(counts, min_size=2, max_size=2), st.lists(steps, max_size=25))
def test_the_rows_of_a_client_are_those_of_the_view_at_its_frontier(
    histories: list[Counts], script: list[tuple[str, int, int, int, bool]]
) -> None:
    state = ViewState("v")
    copy: Rows = {}
    applied: int | None = None
    for step in script:
        if step == "disconnected":
            state.disconnect()
            continue
        try:
            change = receive(state, make(histories, *step))
        except RefusalError as refusal:
            assert refusal.code == GAP, refusal.reason
            assert state.position is None
            state.disconnect()
        else:
            if change is not None:
                assert change.lower in (None, applied)
                applied = change.upper
                follow(copy, change)
        assert state.rows == copy
        if state.position is not None:
            history = histories[EPOCHS.index(state.position.epoch)]
            assert state.rows == rows_at(history, state.position.frontier)


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(counts, times, st.lists(st.integers(1, END - 1), max_size=4), st.randoms())
def test_deltas_in_any_order_before_their_base_lead_to_the_end(
    history: Counts, upper: int, cuts: list[int], order: Random
) -> None:
    bounds = sorted({0, END, *cuts})
    deltas = [make([history], "delta", 0, *interval, True) for interval in pairwise(bounds)]
    order.shuffle(deltas)
    state = ViewState("v")
    for delta in deltas:
        assert receive(state, delta) is None
    change = receive(state, make([history], "base", 0, 0, upper, True))
    assert change is not None
    assert change.upper == END
    assert state.rows == change.rows == rows_at(history, END)
