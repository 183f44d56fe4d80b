"""Where a stream begins, and which rows lie below: for text, and for rows of any form."""

from __future__ import annotations

import pytest

from tests.support.tail_text import progress, row
from viewstream.beginning import Beginning, TailText, read_line
from viewstream.protocol import MAX_TIME, ProtocolError

EPOCH = "1577927045678-u7"
HEADER = f"# epoch {EPOCH}\n".encode()
END = b"%d\tt\t\\N\n" % MAX_TIME


class BareText(TailText):
    """The text after its header, which is the same for all."""

    def feed(self, data: bytes) -> bytes:
        return super().feed(data).removeprefix(HEADER)

    def end(self) -> bytes:
        return super().end().removeprefix(HEADER)


def text_from(frontier: int | None, progress_offset: int = 0) -> BareText:
    return BareText(EPOCH, frontier, progress_offset)


def feed(text: BareText, data: bytes, size: int) -> bytes:
    return b"".join(text.feed(data[start : start + size]) for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_present_begins_at_the_first_progress_row(size: int) -> None:
    text = row(5, 1, "old") + row(9, 1, "same time") + progress(9) + row(9, 2, "a") + progress(12)
    printed = feed(text_from(None), text, size)
    assert printed == progress(9) + row(9, 1, "same time") + row(9, 2, "a") + progress(12)


@pytest.mark.parametrize("size", [1, 1000])
def test_a_progress_row_at_the_as_of_begins_one_later(size: int) -> None:
    text = progress(9) + row(10, 1, "a") + progress(11)
    printed = feed(text_from(None, 1), text, size)
    assert printed == progress(10) + row(10, 1, "a") + progress(11)


@pytest.mark.parametrize("size", [1, 1000])
def test_a_resumed_stream_begins_at_its_frontier(size: int) -> None:
    text = progress(9) + row(12, 1, "a") + progress(13)
    printed = feed(text_from(10), text, size)
    assert printed == progress(10) + row(12, 1, "a") + progress(13)


def test_bytes_after_the_beginning_are_passed_on_unchanged() -> None:
    beginning = text_from(None)
    assert beginning.feed(progress(9) + row(9, 1, "a") + b"10\tf") == (
        progress(9) + row(9, 1, "a") + b"10\tf"
    )
    assert beginning.feed(b"\t1\t") == b"\t1\t"


def test_the_end_is_also_the_opening_when_nothing_came() -> None:
    assert text_from(None).end() == END


def test_rows_of_the_last_moment_belong_to_the_base() -> None:
    beginning = text_from(None)
    assert beginning.feed(row(2**64 - 1, 1, "a", "b")) == b""
    assert beginning.end() == progress(MAX_TIME, 2)


def test_rows_at_the_last_moment_may_come_after_its_progress() -> None:
    beginning = text_from(None)
    text = progress(2**64 - 1) + row(2**64 - 1, 1, "a")
    assert beginning.feed(text) == progress(MAX_TIME - 1) + row(2**64 - 1, 1, "a")
    assert beginning.end() == progress(MAX_TIME)


def test_a_resumed_stream_that_ends_has_both_lines() -> None:
    assert text_from(7).end() == b"7\tt\t\\N\n" + END


@pytest.mark.parametrize("line", [b"\n", b"12\n", b"12\tx\t1\n", b"-1\tf\t1\n", b"# epoch\n"])
def test_an_invalid_row_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="expected a row of a TAIL"):
        text_from(None).feed(line)


def test_the_header_comes_with_the_opening_line_and_once() -> None:
    text = TailText(EPOCH, None)
    assert text.feed(row(8, 1, "a")) == b""
    assert text.feed(progress(9)) == HEADER + progress(9)
    assert text.feed(progress(10)) == progress(10)
    assert text.feed(progress(11)) == progress(11)
    assert text.end() == progress(MAX_TIME)


def test_the_opening_line_has_as_many_columns_as_the_rows() -> None:
    assert text_from(5).feed(row(9, 1, "a", "b", "c")) == progress(5, 3) + row(9, 1, "a", "b", "c")


def test_progress_below_the_frontier_is_dropped_and_the_first_is_not_repeated() -> None:
    text = text_from(10)
    assert text.feed(progress(7) + progress(9)) == progress(10)
    assert text.feed(progress(9) + row(9, 1, "a")) == b""
    assert text.feed(row(10, 1, "b") + b"1") == row(10, 1, "b") + b"1"
    assert text.feed(b"1\tt\t\\N\n") == b"1\tt\t\\N\n"


def test_the_frontier_never_exceeds_the_end() -> None:
    assert text_from(None, 1).feed(progress(2**64 - 1)) == progress(MAX_TIME)


def read(item: tuple[int, str]) -> tuple[int, bool]:
    return item[0], item[1] == "progress"


def test_rows_of_any_form_are_dropped_below_the_frontier() -> None:
    beginning = Beginning(None, 0, read)
    assert beginning.take([(5, "a"), (9, "b")]) == []
    assert (beginning.frontier, beginning.is_passed) == (None, False)
    kept = beginning.take([(8, "c"), (9, "progress"), (9, "d"), (10, "progress")])
    assert kept == [(9, "b"), (9, "d"), (10, "progress")]
    assert (beginning.frontier, beginning.is_passed) == (9, True)
    assert beginning.take([(10, "e")]) == [(10, "e")]


def test_a_known_frontier_needs_no_progress() -> None:
    beginning = Beginning(7, 1, read)
    assert beginning.take([(6, "a"), (7, "progress")]) == [(7, "progress")]
    assert beginning.frontier == 7


def test_a_line_is_its_time_and_whether_it_is_progress() -> None:
    assert read_line(b"12\tf\t1\ta") == (12, False)
    assert read_line(b"18446744073709551615\tt\t\\N") == (MAX_TIME - 1, True)
    with pytest.raises(ProtocolError, match="expected a row of a TAIL"):
        read_line(b"123456789012345678901\tt\t")
