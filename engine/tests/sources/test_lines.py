"""Bytes to lines: whatever way the bytes are cut, the lines are the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sources.lines import NOT_UTF8, LineCutter, decode_lines


def cut(pieces: list[bytes], longest: int = 1000) -> tuple[list[bytes], dict[str, int]]:
    cutter, errors = LineCutter(longest), {}
    whole = b"".join(cutter.feed(piece, errors) for piece in pieces)
    assert whole == b"" or whole.endswith(b"\n")
    return whole.split(b"\n")[:-1], errors


def test_a_torn_line_waits_for_its_newline() -> None:
    assert cut([b"one\ntw"]) == ([b"one"], {})
    assert cut([b"one\ntw", b"o", b"\nthree"]) == ([b"one", b"two"], {})


def test_a_carriage_return_stays() -> None:
    assert cut([b"one\r\n"])[0] == [b"one\r"]


def test_every_cut_gives_the_same_lines() -> None:
    data = "eins\n\nzwei äöü\n😀\nrest".encode()
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            lines, errors = cut([data[:first], data[first:second], data[second:]])
            assert lines == data.split(b"\n")[:-1]
            assert errors == {}


@given(
    data=st.lists(st.sampled_from([b"a", b"bb", b"ccccc", b"\n"]), max_size=30),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    longest=st.integers(1, 12),
)
@settings(max_examples=200, deadline=None)
def test_long_lines_are_left_out_wherever_they_are_cut(
    data: list[bytes], cuts: list[int], longest: int
) -> None:
    joined = b"".join(data)
    edges = [0, *sorted(min(cut, len(joined)) for cut in cuts), len(joined)]
    pieces = [joined[a:b] for a, b in pairwise(edges)]
    lines, errors = cut(pieces, longest)
    expected = joined.split(b"\n")
    whole, torn = expected[:-1], expected[-1]
    assert lines == [line for line in whole if len(line) <= longest]
    long = sum(len(line) > longest for line in [*whole, torn])
    assert sum(errors.values()) == long


def test_a_long_line_is_never_held_whole() -> None:
    cutter, errors = LineCutter(10), {}
    for _ in range(1000):
        assert cutter.feed(b"x" * 100, errors) == b""
        assert sum(map(len, cutter._torn)) <= 110
    assert cutter.feed(b"x\nshort\n", errors) == b"short\n"
    assert errors == {"line too long: it has more than 10 bytes": 1}


def test_only_the_lines_that_are_not_utf8_are_left_out() -> None:
    errors: dict[str, int] = {}
    assert decode_lines(b"good\n\xff\xfe\nalso good\n\xc3\n", errors) == ["good", "also good"]
    assert errors == {NOT_UTF8: 2}
