"""The text of a TAIL becomes deltas of closed times: what closes a time, and values."""

from __future__ import annotations

import pytest

from tests.support.tail_text import progress, row
from tests.viewstream.cutting import EPOCH, HEADER, OPENING, cut, opened, updates
from viewstream.bodies import Bodies
from viewstream.copy_text import UnreadableLineError, undo_escapes
from viewstream.protocol import MAX_TIME, Delta, decode_delta

# What closes a time


def test_the_first_delta_is_empty_and_says_where_the_stream_begins() -> None:
    bodies = Bodies("top10")
    bodies.feed(OPENING + row(10, 1, "a") + progress(12))
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, 10, 10, [])
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, 10, 12, [(10, 1, ("a",))])
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, 12, 12, [])


def test_a_progress_line_closes_all_times_below_it() -> None:
    delta = cut(row(11, 1, "a") + progress(12) + row(12, 1, "open"))
    assert delta == Delta("top10", EPOCH, 10, 12, [(11, 1, ("a",))])


def test_a_progress_line_does_not_close_its_own_time() -> None:
    assert cut(row(11, 1, "a") + progress(11)) == Delta("top10", EPOCH, 10, 11, [])


def test_rows_at_the_time_of_the_progress_line_before_them_belong_together() -> None:
    text = row(11, 1, "a") + progress(11) + row(11, 1, "b") + progress(12)
    assert updates(text) == [(11, 1, ["a"]), (11, 1, ["b"])]


def test_a_row_of_a_later_time_closes_a_time() -> None:
    delta = cut(row(11, 1, "a") + row(13, 1, "open"))
    assert delta == Delta("top10", EPOCH, 10, 13, [(11, 1, ("a",))])


def test_several_times_are_one_delta() -> None:
    text = row(11, 1, "a") + row(12, -1, "a") + row(12, 1, "b") + progress(20)
    assert updates(text) == [(11, 1, ["a"]), (12, -1, ["a"]), (12, 1, ["b"])]


@pytest.mark.parametrize("time", [9, 10])
def test_a_progress_line_that_does_not_advance_changes_nothing(time: int) -> None:
    assert cut(progress(time) + row(10, 1, "a") + progress(11)).updates == [(10, 1, ("a",))]


def test_equal_rows_of_one_time_are_merged_and_may_cancel() -> None:
    text = row(11, 2, "a") + row(11, -1, "b") + row(11, 3, "a") + row(11, 1, "b") + progress(12)
    assert updates(text) == [(11, 5, ["a"])]


def test_times_are_never_merged() -> None:
    text = row(11, 1, "a") + row(12, -1, "a") + progress(13)
    assert updates(text) == [(11, 1, ["a"]), (12, -1, ["a"])]


def test_a_delta_in_which_everything_cancels_still_advances() -> None:
    delta = cut(row(11, 1, "a") + row(11, -1, "a") + progress(12))
    assert delta == Delta("top10", EPOCH, 10, 12, [])


def test_a_view_that_ends() -> None:
    text = row(11, 1, "a") + row(2**64 - 1, 1, "last") + progress(2**64 - 1) + progress(MAX_TIME)
    delta = cut(text)
    assert delta.upper == MAX_TIME
    assert delta.updates == [(11, 1, ("a",)), (MAX_TIME - 1, 1, ("last",))]


def test_no_row_comes_at_or_after_the_end() -> None:
    bodies = opened()
    bodies.feed(row(11, 1, "a") + progress(MAX_TIME))
    for time in (MAX_TIME - 1, MAX_TIME, 2**64 - 1):
        with pytest.raises(UnreadableLineError, match=f"a time of at least {MAX_TIME}"):
            bodies.feed(row(time, 1, "a"))


def test_rows_at_the_last_moment_may_come_after_its_progress() -> None:
    text = progress(2**64 - 1) + row(2**64 - 1, 1, "a") + progress(MAX_TIME)
    assert updates(text) == [(MAX_TIME - 1, 1, ["a"])]


def test_a_stream_may_open_at_its_end() -> None:
    bodies = Bodies("top10")
    bodies.feed(HEADER + progress(MAX_TIME))
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, MAX_TIME, MAX_TIME, [])


# Values


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("", ""),
        (r"\N", None),
        (r"\\N", r"\N"),
        (r"a\tb\nc\rd\\e", "a\tb\nc\rd\\e"),
        (r"\\n", r"\n"),
        (r"\\\n", "\\\n"),
        ("\x01\x7f\u202e😀\r", "\x01\x7f\u202e😀\r"),
        ('"', '"'),
    ],
)
def test_values(field: str, value: str | None) -> None:
    assert undo_escapes(field) == value
    assert updates(row(11, 1, "x", field) + progress(12)) == [(11, 1, ["x", value])]


@pytest.mark.parametrize("diff", ["1", "-1", "2", "-2", "10", "-12345678901"])
def test_diffs_of_any_size(diff: str) -> None:
    assert updates(row(11, int(diff), "a") + progress(12)) == [(11, int(diff), ["a"])]


def test_empty_strings_at_the_end_of_a_line_are_values() -> None:
    assert updates(row(11, 1, "a", "", "") + progress(12)) == [(11, 1, ["a", "", ""])]


def test_a_relation_without_columns() -> None:
    assert updates(b"11\tf\t3\n" + progress(12)) == [(11, 3, [])]


# What cannot be read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"10\tt\t\\N\n", r"line 1: expected # epoch EPOCH.*, found '10"),
        (b"# epoch u7\n", "line 1: expected # epoch EPOCH.*, found '# epoch u7'"),
        (b"1577927045678-u7\n", "line 1: expected # epoch EPOCH"),
        (HEADER + b"10\tf\t1\ta\n", "line 2: expected a progress line"),
        (HEADER + HEADER, "line 2: expected TIME"),
        (OPENING + b"\n", "line 3: expected TIME"),
        (OPENING + b"11\tf\n", "line 3: expected TIME"),
        (OPENING + b"-1\tf\t1\ta\n", "line 3: expected TIME"),
        (OPENING + b"1_1\tf\t1\ta\n", "line 3: expected TIME"),
        (OPENING + b"11.5\tf\t1\ta\n", "line 3: expected TIME"),
        (OPENING + b"11\tx\t1\ta\n", "line 3: expected a progress line"),
        (OPENING + b"11\tt\t1\ta\n", "line 3: expected a progress line"),
        (OPENING + b"11\tt\t1\t\\N\n", "line 3: expected a progress line"),
        (OPENING + row(11, 1, "a") + b"11\tt\t1\ta\n", "line 4: expected a progress line"),
        (OPENING + b"9\tf\t1\ta\n", "line 3: expected a time of at least 10, found '9"),
        (OPENING + b"11\tf\t0\ta\n", "line 3: expected a diff that is an integer and not 0"),
        (OPENING + b"11\tf\t+1\ta\n", "line 3: expected a diff"),
        (OPENING + b"11\tf\t\\N\ta\n", "line 3: expected a diff"),
        (OPENING + b"11\tf\t1.0\ta\n", "line 3: expected a diff"),
        (OPENING + row(11, 1, "a") + row(11, 1), "line 4: expected 1 values, as in the rows"),
        (OPENING + row(11, 1, "a") * 3 + row(11, 1, "a", "b"), "line 6: expected 1 values"),
        (
            OPENING + b"11\tf\t1\ta\\x\n",
            r"line 3: expected only the escapes.*'11\\tf\\t1\\ta\\\\x'",
        ),
        (OPENING + b"11\tf\t1\ta\\\n", "line 3: expected only the escapes"),
        (OPENING + b"11\tf\t1\ta\\N\n", "line 3: expected only the escapes"),
        (OPENING + row(11, 1, "a") + b"11\tf\t1\t\xff\n", r"line 4: expected UTF-8, found b'11"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_unreadable_line_is_an_error_with_its_number(
    text: bytes, message: str, size: int
) -> None:
    bodies = Bodies("top10")
    with pytest.raises(UnreadableLineError, match=message):
        for start in range(0, len(text), size):
            bodies.feed(text[start : start + size])


def test_times_closed_before_an_unreadable_line_can_be_taken() -> None:
    bodies = opened()
    with pytest.raises(UnreadableLineError):
        bodies.feed(row(11, 1, "a") + row(12, 1, "b") + b"\xff\n")
    assert decode_delta(bodies.take(100)) == Delta("top10", EPOCH, 10, 12, [(11, 1, ("a",))])


def test_a_very_long_line_is_not_repeated_whole() -> None:
    with pytest.raises(UnreadableLineError) as caught:
        Bodies("top10").feed(b"x" * 100_000 + b"\n")
    assert len(str(caught.value)) < 1200
