"""The parser of server-sent events: each case whole, byte by byte, and cut anywhere."""

import pytest

from scripts.sources.sse import Event, Parser

LIMIT = 1000

CASES = [
    (b"data: a\n\n", [Event(b"message", b"a", b"")]),
    (b"data:a\r\n\r\n", [Event(b"message", b"a", b"")]),
    (b"data: a\r\r", []),  # the last CR may be half of a CRLF
    (b"data: a\r\rdata", [Event(b"message", b"a", b"")]),
    (b"data:  a\n\n", [Event(b"message", b" a", b"")]),
    (b"data: a\ndata: b\n\n", [Event(b"message", b"a\nb", b"")]),
    (b"data\n\n", [Event(b"message", b"", b"")]),
    (b":ok\n\ndata: a\n\n", [Event(b"message", b"a", b"")]),
    (b"\xef\xbb\xbfdata: a\n\n", [Event(b"message", b"a", b"")]),
    (
        b"event: message\nid: 7\ndata: a\n\ndata: b\n\n",
        [Event(b"message", b"a", b"7"), Event(b"message", b"b", b"7")],
    ),
    (b"event: error\ndata: a\n\n", [Event(b"error", b"a", b"")]),
    (
        b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n",
        [Event(b"message", b"a", b"7"), Event(b"message", b"b", b"7")],
    ),
    (
        b"id: 7\ndata: a\n\nid\ndata: b\n\n",
        [Event(b"message", b"a", b"7"), Event(b"message", b"b", b"")],
    ),
    (b"id: 7\n\n", []),
    (b"data: a\n", []),
    (b"unknown: x\ndata: a\n\n", [Event(b"message", b"a", b"")]),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_stream_gives_its_events_however_it_is_cut(text: bytes, expected: list[Event]) -> None:
    assert Parser(LIMIT).feed(text) == expected
    for size in (1, 2, 3):
        parser = Parser(LIMIT)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert [event for piece in pieces for event in parser.feed(piece)] == expected


def test_an_event_that_is_cut_off_gives_nothing_and_no_id() -> None:
    text = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n"
    second = text.index(b"id: 2")
    for cut in range(len(text)):
        parser = Parser(LIMIT)
        events = parser.feed(text[:cut])
        done = (cut >= second) + (cut >= len(text))
        assert (len(events), parser.last_id) == (done, [b"", b"1", b"2"][done])


def test_an_id_is_kept_from_connection_to_connection() -> None:
    parser = Parser(LIMIT, b"9")
    assert parser.feed(b"data: a\n\n") == [Event(b"message", b"a", b"9")]


def test_the_wish_for_a_delay_is_heard() -> None:
    parser = Parser(LIMIT)
    parser.feed(b"retry: soon\n")
    assert parser.retry is None
    parser.feed(b"retry: 250\n")
    assert parser.retry == 250


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "text", [b"data: " + b"x" * 9000, b"data: " + b"\ndata: ".join([b"x" * 60] * 150)]
)
def test_an_event_beyond_the_limit_costs_no_more_than_the_limit(text: bytes, size: int) -> None:
    parser = Parser(LIMIT)
    for at in range(0, len(text), size):
        assert parser.feed(text[at : at + size]) == []
        assert len(parser._rest) + sum(map(len, parser._data)) <= 2 * LIMIT + 200
    (event,) = parser.feed(b"\n\n")
    assert LIMIT < len(event.data) <= 2 * LIMIT
    assert parser.feed(b"data: b\n\n") == [Event(b"message", b"b", b"")]
