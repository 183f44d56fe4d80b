"""The interval rule and the log, against a list of updates that is never cut or folded."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.framing import Message
from server.hub.folding import FoldedDeltas
from server.hub.limits import Limits
from server.hub.log import Entry, Log
from tests.support.consolidate import consolidate
from viewstream.protocol import Delta, Row, Update, encode

ROWS = st.sampled_from([("a",), ("b",), (None,)])
UPDATES = st.lists(st.tuples(st.integers(10, 59), st.sampled_from([-2, -1, 1, 3]), ROWS))
CUTS = st.lists(st.tuples(st.integers(10, 60), st.integers(0, 25)), max_size=12)


def append(log: Log, delta: Delta) -> Delta | None:
    part = log.new_part(delta)
    if part is not None:
        log.append(part.upper, Message(encode(part)) if part.updates else None, now=part.upper)
    return part


def between(history: list[Update], lower: int, upper: int) -> list[Update]:
    return consolidate(update for update in history if lower <= update[0] < upper)


def folded(updates: list[Update]) -> Counter[Row]:
    rows: Counter[Row] = Counter()
    for _, diff, row in updates:
        rows[row] += diff
    return Counter({row: diff for row, diff in rows.items() if diff})


@given(UPDATES, CUTS)
@settings(max_examples=200, deadline=None)
def test_any_posts_give_the_history_and_nothing_else(
    history: list[Update], cuts: list[tuple[int, int]]
) -> None:
    """Retries, doubles, overlaps and gaps in any order: what is in the log is what was."""
    log = Log(10, 0)
    for lower, span in cuts:
        upper = min(60, lower + span)
        lower = min(lower, upper)
        head = log.head
        delta = Delta("v", "1-u1", lower, upper, between(history, lower, upper))
        if lower <= head:
            part = append(log, delta)
            assert log.head == max(head, upper)
            assert (part is None) == (upper <= head)
            if part is not None:
                assert part.lower == head
    assert list(log.updates_since(10)) == between(history, 10, log.head)
    for frontier in range(10, log.head + 2):
        since = FoldedDeltas(Limits()).fold_to_head(log, frontier).rows()
        assert Counter(dict(since)) == folded(between(history, frontier, log.head))
        assert len(dict(since)) == len(since)


@given(UPDATES, st.integers(0, 400), st.integers(10, 60), st.one_of(st.none(), st.integers(10, 60)))
@settings(max_examples=200, deadline=None)
def test_a_trimmed_log_keeps_its_rest_whole(
    history: list[Update], max_bytes: int, oldest: int, pinned: int | None
) -> None:
    log = Log(10, 0)
    for lower in range(10, 60, 7):
        upper = min(60, lower + 7)
        append(log, Delta("v", "1-u1", lower, upper, between(history, lower, upper)))
    whole = log.size
    log.trim(max_bytes=max_bytes, oldest=oldest, pinned=pinned)
    assert log.head == 60
    assert log.size <= max(max_bytes, 2 * max_bytes if pinned is not None else 0)
    if pinned is not None and whole <= 2 * max_bytes:
        assert log.lower <= max(pinned, 10)
    assert list(log.updates_since(log.lower)) == between(history, log.lower, 60)


def test_intervals_in_which_nothing_happened_cost_nothing() -> None:
    log = Log(0, 0)
    for upper in range(1, 10_000):
        append(log, Delta("v", "1-u1", upper - 1, upper, []))
    assert log.head == 9_999
    assert log.size == 0
    assert FoldedDeltas(Limits()).fold_to_head(log, 0).rows() == []
    log.trim(max_bytes=1, oldest=10_000, pinned=None)
    assert log.lower == 9_999


def test_an_interval_without_changes_is_as_old_as_its_last_part() -> None:
    """Such intervals are kept as one; it must not be dropped while a part of it is recent."""
    log = Log(0, 0)
    for upper, now in [(10, 1), (20, 2), (30, 3)]:
        log.append(upper, None, now)
    log.trim(max_bytes=1, oldest=3, pinned=None)
    assert log.lower == 0
    log.trim(max_bytes=1, oldest=4, pinned=None)
    assert log.lower == 30
    assert log.moved_at == 3


def test_an_old_delta_is_dropped_though_intervals_without_changes_follow() -> None:
    log = Log(0, 0)
    log.append(10, Message(b"{}"), 1)
    log.append(20, None, 100)
    log.trim(max_bytes=1_000, oldest=50, pinned=None)
    assert (log.lower, log.size) == (10, 0)


def test_a_pin_keeps_what_lies_above_it() -> None:
    for pinned, lower in [(9, 0), (10, 10), (19, 10), (20, 20)]:
        log = Log(0, 0)
        for upper in (10, 20):
            log.append(upper, Message(b"x" * 100), upper)
        log.trim(max_bytes=100, oldest=100, pinned=pinned)
        assert log.lower == lower


def test_the_list_of_entries_is_cut() -> None:
    log = Log(0, 0)
    for upper in range(1, 2_000):
        log.append(upper, Message(b"x" * 10), upper)
        log.trim(max_bytes=100, oldest=0, pinned=None)
    assert log.size == 100
    assert len(log._entries) <= 25


def test_an_interval_of_no_length_changes_nothing() -> None:
    log = Log(5, 0)
    assert log.new_part(Delta("v", "1-u1", 5, 5, [])) is None
    assert (log.lower, log.head) == (5, 5)


def test_the_size_since_a_frontier_is_that_of_the_deltas_above_it() -> None:
    """At most so many bytes: exactly the deltas that reach above the frontier."""
    log = Log(0, 0)
    sizes = []
    for n in range(400):
        message = Message(encode(Delta("v", "1-u1", n, n + 1, [(n, 1, ("x" * (n % 7),))])))
        log.append(n + 1, message, n)
        sizes.append(message.size)
        log.trim(max_bytes=5_000, oldest=0, pinned=None)
        assert log.size == sum(sizes[log.lower :])
        for frontier in range(log.lower, log.head + 2):
            assert log.size_since(frontier) == sum(sizes[frontier:])


def test_a_question_about_a_long_log_costs_next_to_nothing() -> None:
    log = Log(0, 0)
    message = Message(encode(Delta("v", "1-u1", 0, 1, [(0, 1, ("x",))])))
    for n in range(100_000):
        log.append(n + 1, message, n)
    looked_at = 0

    class Watched(list[Entry]):
        def __getitem__(self, index: Any) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(index)

    log._entries = Watched(log._entries)
    assert log.size_since(1) == 99_999 * message.size
    assert 0 < looked_at < 50


@given(UPDATES, CUTS, st.integers(10, 61), st.integers(0, 60), st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_the_past_is_whole_from_the_time_that_is_told(
    history: list[Update], cuts: list[tuple[int, int]], upper: int, since: int, max_bytes: int
) -> None:
    log = Log(10, 0)
    for _, span in cuts:
        end = min(60, log.head + span)
        append(log, Delta("v", "1-u1", log.head, end, between(history, log.head, end)))
    log.trim(max_bytes=max_bytes * 10, oldest=0, pinned=None)
    lower, messages = log.read_back(upper, since, max_bytes)
    updates = [update for message in messages for update in Entry(0, message, 0, 0).updates()]
    assert lower <= upper
    assert lower >= log.lower or lower == upper
    assert between(updates, lower, upper) == between(history, lower, upper)
    if log.lower < upper <= log.head:
        assert lower < upper  # each question leads further back
        assert lower <= max(since, log.lower) or sum(m.size for m in messages) >= max_bytes
    assert sum(message.size for message in messages[1:]) < max_bytes or len(messages) < 2
