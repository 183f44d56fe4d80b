"""Every message of a client, whole, byte by byte, and with bytes of the next one behind it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pgwire import messages as m
from engine.pgwire.reader import BrokenStreamError, MalformedMessageError, Reader


def packet(body: bytes) -> bytes:
    """A message of the startup phase: it has no type."""
    return struct.pack("!i", len(body) + 4) + body


def typed(kind: bytes, body: bytes = b"") -> bytes:
    return kind + packet(body)


STARTUP = packet(struct.pack("!hh", 3, 0) + b"user\0me\0database\0d\0\0")

BEFORE_STARTUP = [
    (packet(struct.pack("!hh", 1234, 5679)), m.SslRequest()),
    (packet(struct.pack("!hh", 1234, 5680)), m.GssEncryptionRequest()),
    (packet(struct.pack("!hhii", 1234, 5678, 7, -9)), m.CancelRequest(7, -9)),
    (packet(struct.pack("!hhii", 1234, 5678, 7, 9) + b"longer"), m.CancelRequest(7, 9)),
    (STARTUP, m.Startup(0, {"user": "me", "database": "d"})),
    (packet(struct.pack("!hh", 3, 2) + b"\0"), m.Startup(2, {})),
]
AFTER_STARTUP = [
    (typed(b"Q", b"SELECT 1\0"), m.Query("SELECT 1")),
    (typed(b"Q", "SELECT 'é'\0".encode()), m.Query("SELECT 'é'")),
    (typed(b"P", b"s\0SELECT $1\0" + struct.pack("!hi", 1, 23)), m.Parse("s", "SELECT $1", (23,))),
    (typed(b"P", b"\0\0\0\0"), m.Parse("", "", ())),
    (
        typed(
            b"B",
            b"p\0s\0"
            + struct.pack("!hhh", 2, 0, 1)
            + struct.pack("!h", 3)
            + struct.pack("!i", -1)
            + struct.pack("!i", 0)
            + struct.pack("!i", 3)
            + b"abc"
            + struct.pack("!hh", 1, 1),
        ),
        m.Bind("p", "s", (0, 1), (None, b"", b"abc"), (1,)),
    ),
    (typed(b"B", b"\0\0" + b"\0\0" * 3), m.Bind("", "", (), (), ())),
    (typed(b"D", b"Ss\0"), m.Describe("statement", "s")),
    (typed(b"D", b"P\0"), m.Describe("portal", "")),
    (typed(b"E", b"p\0" + struct.pack("!i", 5)), m.Execute("p", 5)),
    (typed(b"E", b"\0" + struct.pack("!i", -1)), m.Execute("", 0)),
    (typed(b"C", b"Pp\0"), m.Close("portal", "p")),
    (typed(b"C", b"S\0"), m.Close("statement", "")),
    (typed(b"H"), m.Flush()),
    (typed(b"S"), m.Sync()),
    (typed(b"X"), m.Terminate()),
    (typed(b"d", b"anything"), m.CopyData(b"anything")),
    (typed(b"c"), m.CopyDone()),
    (typed(b"f", b"why\0"), m.CopyFail("why")),
    (typed(b"p", b"secret\0"), m.Unexpected("a password")),
    (typed(b"F", b"\0\0"), m.Unexpected("a function call")),
]


def started() -> Reader:
    reader = Reader()
    reader.feed(STARTUP)
    assert isinstance(reader.next_message(), m.Startup)
    return reader


CASES = [(Reader, *case) for case in BEFORE_STARTUP] + [(started, *case) for case in AFTER_STARTUP]


@pytest.mark.parametrize(("make", "data", "message"), CASES)
def test_reads_a_message_whole(make, data, message) -> None:
    reader = make()
    reader.feed(data)
    assert reader.next_message() == message
    assert reader.next_message() is None
    assert reader.buffered == 0


@pytest.mark.parametrize(("make", "data", "message"), CASES)
def test_reads_a_message_byte_by_byte(make, data, message) -> None:
    reader = make()
    for byte in data[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next_message() is None
    reader.feed(data[-1:])
    assert reader.next_message() == message


@pytest.mark.parametrize(("make", "data", "message"), CASES)
def test_leaves_what_follows_a_message(make, data, message) -> None:
    reader = make()
    reader.feed(data + b"S\0\0")
    assert reader.next_message() == message
    assert reader.buffered == 3


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (typed(b"Q", b"no end"), "zero byte"),
        (typed(b"Q", b"\xff\0"), "UTF8"),
        (typed(b"Q", b"SELECT 1\0more"), "4 more bytes"),
        (typed(b"B", b"p\0s\0" + struct.pack("!h", 9)), "expected 2 bytes"),
        (typed(b"B", b"\0\0" + struct.pack("!hh", 1, 2) + b"\0\0\0\0"), "format 0 or 1, found 2"),
        (typed(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, -2) + b"\0\0"), "expected -2 bytes"),
        (typed(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, 2**31 - 1)), "expected 2147483647"),
        (typed(b"P", b"s\0sql\0" + struct.pack("!h", -1)), "expected 4 bytes"),
        (typed(b"D", b"Xname\0"), "found b'X'"),
        (typed(b"S", b"x"), "1 more bytes"),
    ],
)
def test_a_malformed_message_does_not_spoil_the_next(data: bytes, part: str) -> None:
    reader = started()
    reader.feed(data + typed(b"S"))
    with pytest.raises(MalformedMessageError, match=part.replace("(", r"\(")) as caught:
        reader.next_message()
    assert caught.value.in_query == data.startswith(b"Q")
    assert reader.next_message() == m.Sync()


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (Reader, b"GET / HTTP/1.1\r\n\r\n"),
        (Reader, struct.pack("!i", -1)),
        (Reader, struct.pack("!i", 7)),
        (Reader, struct.pack("!i", 10_001)),
        (Reader, packet(struct.pack("!hh", 2, 0) + b"\0")),
        (Reader, packet(struct.pack("!hh", 3, 0) + b"user\0me")),
        (Reader, packet(struct.pack("!hh", 3, 0) + b"\0more")),
        (Reader, packet(struct.pack("!hh", 1234, 5678) + b"\0")),
        (started, b"Q" + struct.pack("!i", 3)),
        (started, b"Q" + struct.pack("!i", -1)),
        (started, b"\0" + struct.pack("!i", 4)),
        (started, STARTUP),
    ],
)
def test_a_broken_stream_is_told_at_once(make, data) -> None:
    reader = make()
    reader.feed(data)
    with pytest.raises(BrokenStreamError):
        reader.next_message()


def test_a_message_beyond_the_limit_is_refused_by_its_length_alone() -> None:
    reader = Reader(max_message_length=100)
    reader.feed(STARTUP)
    reader.next_message()
    reader.feed(typed(b"Q", b"x" * 95 + b"\0"))
    assert reader.next_message() == m.Query("x" * 95)
    reader.feed(b"Q" + struct.pack("!i", 101))
    with pytest.raises(MalformedMessageError, match="101 bytes is longer than the limit of 100"):
        reader.next_message()
    for _ in range(97):  # what is left of it is dropped as it comes
        reader.feed(b"x")
        assert reader.next_message() is None
        assert reader.buffered == 0
    reader.feed(typed(b"S"))
    assert reader.next_message() == m.Sync()


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.lists(st.binary(max_size=40), max_size=10))
def test_random_bytes_raise_nothing_else(begun: bool, chunks: list[bytes]) -> None:
    reader = started() if begun else Reader()
    for chunk in chunks:
        reader.feed(chunk)
        try:
            while reader.next_message() is not None:
                pass
        except MalformedMessageError:
            continue
        except BrokenStreamError:
            return


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([case[0][:1] for case in AFTER_STARTUP]), st.binary(max_size=60))
def test_random_contents_are_read_or_refused(kind: bytes, body: bytes) -> None:
    reader = started()
    reader.feed(typed(kind, body) + typed(b"S"))
    try:
        assert reader.next_message() is not None
    except MalformedMessageError as error:
        assert error.code in ("08P01", "22021")
    assert reader.next_message() == m.Sync()
