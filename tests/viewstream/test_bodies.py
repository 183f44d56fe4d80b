"""From COPY's text to bodies of closed times: what `post_deltas.py` is built around."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.recordings import VERSIONS, recorded_facts, recording
from tests.support.tail_text import progress, row
from tests.viewstream.cutting import EPOCH, HEADER, OPENING, opened, updates
from viewstream.bodies import Bodies
from viewstream.copy_text import DIFFS, CopyTextReader
from viewstream.protocol import MAX_TIME, Delta, Row, decode_delta

# Bodies


def test_a_body_holds_as_many_times_as_fit_and_never_half_of_one() -> None:
    bodies = opened()
    bodies.feed(b"".join(row(time, 1, "x" * 100) for time in range(11, 41)) + progress(50))
    deltas = []
    while bodies.waiting:
        deltas.append(decode_delta(bodies.take(1000)))
    assert [len(delta.updates) for delta in deltas] == [9, 9, 9, 3]
    assert [delta.lower for delta in deltas] == [10, *(delta.upper for delta in deltas[:-1])]
    assert deltas[-1].upper == 50


def test_a_time_larger_than_asked_for_is_taken_alone_while_a_body_can_hold_it() -> None:
    bodies = opened(limit=10_000)
    text = row(11, 1, "a") + b"".join(row(12, 1, f"{n:04}") for n in range(200)) + row(13, 1, "b")
    bodies.feed(text + progress(14))
    sizes = [len(decode_delta(bodies.take(100)).updates) for _ in range(3)]
    assert sizes == [1, 200, 1]


@pytest.mark.parametrize("size", [64, 4096, 1 << 20])
def test_a_time_that_no_body_can_hold_is_left_out_and_leaves_a_gap(size: int) -> None:
    bodies = opened(limit=2000)
    text = row(11, 1, "a") + b"".join(row(12, 1, f"{n:04}") for n in range(500)) + row(13, 1, "b")
    text += progress(14)
    for start in range(0, len(text), size):
        bodies.feed(text[start : start + size])
    assert decode_delta(bodies.take(1000)) == Delta("top10", EPOCH, 10, 12, [(11, 1, ("a",))])
    assert decode_delta(bodies.take(1000)) == Delta("top10", EPOCH, 13, 14, [(13, 1, ("b",))])
    assert bodies.left_out == [12]


def test_an_open_time_without_bound_costs_no_memory() -> None:
    bodies = opened(limit=10_000)
    for number in range(3000):
        bodies.feed(row(12, 1, f"{number:099}"))
        assert len(bodies._reader._counts) < 120
    bodies.feed(progress(13))
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, 13, 13, [])
    assert bodies.left_out == [12]


def test_a_long_open_time_that_cancels_is_not_left_out() -> None:
    bodies = opened(limit=2000)
    for number in range(500):
        bodies.feed(row(12, 1, f"{number:099}") + row(12, -1, f"{number:099}"))
    bodies.feed(row(12, 1, "left") + progress(13))
    assert decode_delta(bodies.take(100)).updates == [(12, 1, ("left",))]


def test_a_body_of_escapes_is_within_the_limit() -> None:
    bodies = opened(limit=4000)
    for time in range(11, 31):
        bodies.feed(row(time, 1, '"\x01' * 200))
    bodies.feed(progress(40))
    taken = 0
    while bodies.waiting:
        body = bodies.take(2000)
        assert len(body) <= 4000
        taken += len(decode_delta(body).updates)
    assert taken == 20


def test_when_a_body_is_due() -> None:
    bodies = Bodies("top10")
    assert bodies.due_at(100.0) == math.inf
    bodies.feed(HEADER)
    assert bodies.due_at(-math.inf) == math.inf
    bodies.feed(progress(10))
    assert bodies.due_at(-math.inf) == -math.inf  # the first body is due at once
    bodies.take(100)
    assert bodies.due_at(100.0) == 105.0
    bodies.feed(progress(11))
    assert bodies.due_at(100.0) == 101.0
    bodies.feed(row(11, 1, "a"))
    assert bodies.due_at(100.0) == 101.0
    bodies.feed(progress(12))
    assert bodies.due_at(100.0) == -math.inf
    bodies.take(100)
    assert bodies.due_at(100.0) == 105.0


LONGEST = "1" * 16 + "-" + "u" * 32


def body_of_one_time(limit: int, length: int) -> bytes | None:
    """The body of one time with one value of `length` bytes; None if the time is left out."""
    bodies = Bodies("v", limit)
    begin = MAX_TIME - 2
    bodies.feed(f"# epoch {LONGEST}\n".encode() + progress(begin) + row(begin, 1, "x" * length))
    bodies.feed(progress(MAX_TIME - 1))
    bodies.take(limit)
    body = bodies.take(limit)
    return None if bodies.left_out else body


def test_a_body_may_have_just_as_many_bytes_as_the_limit() -> None:
    """With the longest epoch and times, so that nothing is given away."""
    sizes = {length: body_of_one_time(2000, length) for length in range(1700, 1900)}
    taken = {length: body for length, body in sizes.items() if body is not None}
    assert max(map(len, taken.values())) == 2000
    assert max(taken) == min(set(sizes) - set(taken)) - 1


def test_as_many_times_are_taken_as_fit_exactly() -> None:
    bodies = opened()
    bodies.feed(b"".join(row(time, 1, "x" * 10) for time in range(11, 15)) + progress(15))
    size = bodies.waiting // 4
    assert len(decode_delta(bodies.take(2 * size)).updates) == 2
    assert len(decode_delta(bodies.take(2 * size - 1)).updates) == 1
    assert bodies.waiting == size


def test_nearly_every_line_takes_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = []
    read_line = CopyTextReader._read_line

    def count(reader: CopyTextReader, line: str, fields: list[str]) -> None:
        slow.append(line)
        read_line(reader, line, fields)

    monkeypatch.setattr(CopyTextReader, "_read_line", count)
    bodies = opened()
    lines = [row(11, diff, f"{n}", "b") for n in range(100) for diff in (1, -1, 9, -9)]
    bodies.feed(b"".join(lines) + progress(12, 2))
    assert len(slow) == 2 + 1 + 1  # the opening, the first row of a time, and progress
    assert bodies.waiting == 0


# Any text, cut anywhere

TEXT = st.text(st.sampled_from('ab\\\t\n\r"N\x01é😀'), max_size=4)

ROWS = st.tuples(st.none() | TEXT, st.none() | TEXT)


def escape(value: str | None) -> str:
    """As COPY does it: written the other way round than what is tested."""
    if value is None:
        return r"\N"
    for character, escaped in (("\\", r"\\"), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t")):
        value = value.replace(character, escaped)
    return value


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int, Row]], int]:
    """A stream's text, all its updates, and the time below which all is closed."""
    now = 10
    text, all_updates, closed = OPENING, [], 10
    for _ in range(draw(st.integers(0, 12))):
        now += draw(st.sampled_from([0, 0, 0, 1, 7]))
        if draw(st.booleans()):
            text += progress(now, 2)
            closed = max(closed, now)
        else:
            diff, values = draw(st.sampled_from([1, -1, 2, -2, 11])), draw(ROWS)
            text += row(now, diff, *map(escape, values))
            all_updates.append((now, diff, values))
            closed = max(closed, now)
    return text, all_updates, closed


def total(parts: Iterable[tuple[int, int, Row]]) -> dict[tuple[int, Row], int]:
    counts: Counter[tuple[int, Row]] = Counter()
    for time, diff, values in parts:
        counts[time, values] += diff
    return {key: diff for key, diff in counts.items() if diff}


@settings(max_examples=150, deadline=None)
@given(streams(), st.lists(st.integers(1, 40), max_size=30), st.integers(0, 300))
def test_any_stream_cut_anywhere_and_taken_at_any_size_is_the_same(
    stream: tuple[bytes, list[tuple[int, int, Row]], int], cuts: list[int], size: int
) -> None:
    text, all_updates, closed = stream
    bodies = Bodies("top10")
    taken: list[Delta] = []
    while text:
        length = cuts.pop() if cuts else len(text)
        bodies.feed(text[:length])
        text = text[length:]
        if bodies.is_begun and length % 2:
            taken.append(decode_delta(bodies.take(size)))
    while not taken or bodies.has_news:
        taken.append(decode_delta(bodies.take(size)))
    assert [delta.lower for delta in taken] == [10, *(delta.upper for delta in taken[:-1])]
    assert taken[-1].upper == closed
    found = [update for delta in taken for update in delta.updates]
    assert total(found) == total(update for update in all_updates if update[0] < closed)
    assert len(total(found)) == len(found)


@settings(max_examples=50, deadline=None)
@given(streams(), st.data())
def test_an_end_of_input_at_any_byte_loses_no_closed_time(
    stream: tuple[bytes, list[tuple[int, int, Row]], int], data: st.DataObject
) -> None:
    text, all_updates, _ = stream
    bodies = Bodies("top10")
    bodies.feed(text[: data.draw(st.integers(0, len(text)))])
    if not bodies.is_begun:
        return
    bodies.take(0)
    delta = decode_delta(bodies.take(1 << 20))
    expected = total(update for update in all_updates if update[0] < delta.upper)
    assert total(delta.updates) == expected


def test_the_fast_path_and_the_slow_path_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"".join(row(11, diff, "a", r"\N", "") for diff in (1, -1, 1, 9, -9, 3))
    text += b"".join(row(11, diff, "b", "", "") for diff in (1, -1, 1, 9, -9, 3)) + progress(12)
    short = updates(text)
    monkeypatch.setattr("viewstream.copy_text.DIFFS", {})
    assert DIFFS
    assert updates(text) == short


# Recordings of a real engine


def digest(version: str, name: str, opening: int) -> tuple[list[Delta], bytes]:
    """The deltas of a recording that was given the lines that tail_view.py adds."""
    recorded = recording(version, name)
    bodies = opened(opening=HEADER + progress(opening))
    for start in range(0, len(recorded), 50):
        bodies.feed(recorded[start : start + 50])
    bodies.feed(progress(MAX_TIME))
    deltas = []
    while bodies.has_news:
        deltas.append(decode_delta(bodies.take(200)))
    return deltas, recorded


@pytest.mark.parametrize("version", VERSIONS)
def test_recording_of_a_resumed_tail_brings_one_select_to_the_next(version: str) -> None:
    facts = recorded_facts(version)
    deltas, _ = digest(version, "resume-as-of.copy", facts["as_of"] + 1)
    rows: Counter[Row] = Counter(tuple(values) for values in facts["rows_at_as_of"])
    for delta in deltas:
        for time, diff, values in delta.updates:
            assert time < facts["frontier"]
            rows[values] += diff
    assert +rows == Counter(tuple(values) for values in facts["rows_before_frontier"])
    assert min(rows.values()) == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name", ["start-under-load", "snapshot-with-progress", "odd-values", "idle", "constant-view"]
)
def test_recordings_lose_no_update(version: str, name: str) -> None:
    deltas, recorded = digest(version, f"{name}.copy", 0)
    expected: Counter[tuple[int, Row]] = Counter()
    for line in recorded.decode().split("\n")[:-1]:
        time, progressed, diff, *fields = line.split("\t")
        if progressed == "f":
            # JSON has the same four escapes, so it serves as the other implementation.
            values = tuple(
                None if field == r"\N" else json.loads('"' + field.replace('"', r"\"") + '"')
                for field in fields
            )
            expected[min(int(time), MAX_TIME - 1), values] += int(diff)
    assert total(update for delta in deltas for update in delta.updates) == dict(expected)
    assert [delta.lower for delta in deltas] == [0, *(delta.upper for delta in deltas[:-1])]
    assert deltas[-1].upper == MAX_TIME
