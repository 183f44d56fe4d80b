"""A history against a list of all changes that were ever made."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordinator.history import UPDATE_SIZE, History
from engine.zset import ZSet, add

CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.dictionaries(st.tuples(st.integers(0, 3)), st.sampled_from([-2, -1, 1, 2]), max_size=3),
    ),
    max_size=20,
)


def expected(changes: list[tuple[int, ZSet]], after: int, until: int) -> ZSet:
    total: ZSet = {}
    for time, change in changes:
        if after < time <= until:
            add(total, change)
    return total


@given(CHANGES, st.integers(0, 40))
@settings(max_examples=120, deadline=None)
def test_every_time_since_the_compaction_is_exact(
    steps: list[tuple[int, ZSet]], since: int
) -> None:
    history, changes, time = History(0), [], 1
    for passed, change in steps:
        time += passed
        history.append(time, change)
        changes.append((time, change))
    history.compact(min(since, time))
    for at in range(history.since, time + 2):
        assert history.at(at) == expected(changes, -1, at)
    for after in range(history.since, time + 1):
        rest: ZSet = {}
        for _, change in history.after(after):
            add(rest, change)
        assert rest == expected(changes, after, time)
    kept = list(history.after(history.since))
    assert [t for t, _ in kept] == sorted({t for t, _ in kept})
    assert history.updates == sum(len(change) for _, change in kept)


@given(CHANGES, st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_a_bound_on_updates_holds(steps: list[tuple[int, ZSet]], bound: int) -> None:
    history, time = History(0), 1
    for passed, change in steps:
        time += passed
        history.append(time, change)
    history.compact(history.time_holding(bound))
    assert history.updates <= bound


def test_what_was_given_is_not_altered() -> None:
    history, change = History(0), {("a",): 1}
    history.append(1, change)
    history.append(1, {("a",): 1, ("b",): 1})
    history.append(2, {("a",): -2})
    assert change == {("a",): 1}
    assert list(history.after(0)) == [(1, {("a",): 2, ("b",): 1}), (2, {("a",): -2})]


def test_changes_at_or_before_the_beginning_are_contents_only() -> None:
    history = History(10)
    history.append(10, {("a",): 1})
    assert history.contents == {("a",): 1}
    assert history.next_after(0) is None
    assert history.updates == 0


def test_the_last_changes_can_be_asked_for() -> None:
    history = History(0)
    for time in range(1, 6):
        history.append(time, {(time,): 1})
    assert history.nth_last_time(2) == 3
    assert history.nth_last_time(100) == 0


def test_large_rows_count_as_several() -> None:
    history = History(0)
    for time in range(1, 101):
        history.append(time, {("x" * 10 * UPDATE_SIZE, time): 1})
    assert history.updates >= 1000
    history.compact(history.time_holding(100))
    assert sum(1 for _ in history.after(0)) <= 10


def test_many_portions_of_one_time_are_not_copied_each_time() -> None:
    history = History(0)
    history.append(1, {(0,): 1})
    history.append(1, {(1,): 1})
    [(_, first)] = history.after(0)
    history.append(1, {(2,): 1})
    [(_, second)] = history.after(0)
    assert first is second
    assert second == {(0,): 1, (1,): 1, (2,): 1}
    assert history.updates == 3
