"""Frames of a client: each case whole, byte by byte, and with trailing bytes."""

from __future__ import annotations

import os
import random

import pytest

from server.wire.client_frames import (
    MAX_MESSAGE,
    ClientFrames,
    Close,
    Event,
    Ping,
    Pong,
    Unwanted,
    Violation,
    is_close_code,
)

MASK = b"\x11\x22\x33\x44"


def frame(first: int, payload: bytes = b"", length: bytes | None = None) -> bytes:
    """A client's frame; `length` replaces the encoded length, without the bit of the mask."""
    size = len(payload)
    if length is None:
        if size < 126:
            length = bytes([size])
        else:
            length = b"\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x7f" + size.to_bytes(8)
    masked = bytes(byte ^ MASK[n % 4] for n, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + MASK + masked


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(0x88, code.to_bytes(2) + reason)


BROKEN, TEXT, LARGE = "1002", "1003", "1009"
"""Kinds of an event whose words do not count."""

CASES: dict[str, tuple[bytes, list[Event | str]]] = {
    "nothing": (b"", []),
    "a ping": (frame(0x89), [Ping(b"")]),
    "a ping with a payload": (frame(0x89, b"are you there"), [Ping(b"are you there")]),
    "the largest ping": (frame(0x89, b"p" * 125), [Ping(b"p" * 125)]),
    "a pong": (frame(0x8A, b"unasked"), [Pong()]),
    "pings and a pong": (
        frame(0x89, b"1") + frame(0x8A) + frame(0x89, b"2"),
        [Ping(b"1"), Pong(), Ping(b"2")],
    ),
    "a close": (close(1000, b"done"), [Close(1000)]),
    "a close of an application": (close(4001, "größer".encode()), [Close(4001)]),
    "a close without a code": (frame(0x88), [Close(1005)]),
    "the longest reason": (close(3000, b"r" * 123), [Close(3000)]),
    "nothing after a close": (close(1001) + frame(0x89) + b"\xff\xff", [Close(1001)]),
    "a text": (frame(0x81, b"hello"), [TEXT]),
    "an empty text": (frame(0x81), [TEXT]),
    "a binary message": (frame(0x82, b"\x00\xff"), [TEXT]),
    "a text that is no UTF-8": (frame(0x81, b"\xff"), [TEXT]),
    "a text, then a close": (frame(0x81, b"hello") + close(1000), [TEXT, Close(1000)]),
    "a message in parts around a ping": (
        frame(0x01, b"a") + frame(0x00, b"b") + frame(0x89) + frame(0x80, b"c") + frame(0x89),
        [TEXT, TEXT, Ping(b""), TEXT, Ping(b"")],
    ),
    "126 bytes": (frame(0x81, b"t" * 126) + frame(0x89), [TEXT, Ping(b"")]),
    "a large text": (frame(0x81, b"t" * (MAX_MESSAGE + 1)) + frame(0x89), [LARGE, Ping(b"")]),
    "a text of 70,000 bytes": (frame(0x82, b"t" * 70_000) + close(1000), [LARGE, Close(1000)]),
    "the largest length": (frame(0x82, b"", b"\x7f\x7f" + b"\xff" * 7), [LARGE]),
    "no mask": (b"\x89\x00", [BROKEN]),
    "no mask on a close": (b"\x88\x02\x03\xe8", [BROKEN]),
    "no mask on a text": (b"\x81\x05hello", [BROKEN]),
    "reserved bit 1 without an extension": (frame(0xC1), [BROKEN]),
    "reserved bit 2": (frame(0xA1), [BROKEN]),
    "reserved bit 3": (frame(0x91), [BROKEN]),
    "a reserved bit on a ping": (frame(0xC9), [BROKEN]),
    **{f"opcode {n}": (frame(0x80 | n), [BROKEN]) for n in (*range(3, 8), *range(11, 16))},
    "a ping in parts": (frame(0x09), [BROKEN]),
    "a pong in parts": (frame(0x0A), [BROKEN]),
    "a close in parts": (frame(0x08), [BROKEN]),
    "a ping of 126 bytes": (frame(0x89, b"p" * 126), [BROKEN]),
    "a close of 126 bytes": (close(1000, b"r" * 124), [BROKEN]),
    "a continuation of nothing": (frame(0x80), [BROKEN]),
    "a continuation after the last part": (
        frame(0x01) + frame(0x80) + frame(0x80),
        [TEXT, TEXT, BROKEN],
    ),
    "a message within a message": (frame(0x01) + frame(0x81), [TEXT, BROKEN]),
    "a length of two bytes that fits in one": (frame(0x82, b"", b"\x7e\x00\x05"), [BROKEN]),
    "a length of eight bytes that fits in two": (
        frame(0x82, b"", b"\x7f" + (65535).to_bytes(8)),
        [BROKEN],
    ),
    "a length beyond 63 bits": (frame(0x82, b"", b"\x7f\x80" + bytes(7)), [BROKEN]),
    "a close of one byte": (frame(0x88, b"\x03"), [BROKEN]),
    **{
        f"close code {code}": (close(code), [Close(code)])
        for code in (*range(1000, 1004), *range(1007, 1015), 3000, 4999)
    },
    **{
        f"close code {code}": (close(code), [BROKEN])
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a reason that is no UTF-8": (close(1000, b"\xc3\x28"), ["1007"]),
    "a reason that is cut in a character": (close(1000, "ü".encode()[:1]), ["1007"]),
    "a surrogate in a reason": (close(1000, b"\xed\xa0\x80"), ["1007"]),
}


def kinds(events: list[Event]) -> list[Event | str]:
    return [str(one.code) if isinstance(one, Unwanted | Violation) else one for one in events]


@pytest.mark.parametrize("name", CASES)
def test_a_case_whole_byte_by_byte_and_with_trailing_bytes(name: str) -> None:
    data, expected = CASES[name]
    assert kinds(ClientFrames(may_deflate=False).feed(data)) == expected
    slowly = ClientFrames(may_deflate=False)
    found = [event for n in range(len(data)) for event in slowly.feed(data[n : n + 1])]
    assert kinds(found) == expected
    if name != "the largest length":
        trailing = ClientFrames(may_deflate=False)
        assert kinds(trailing.feed(data + b"\x89")) == expected
        rest = trailing.feed(frame(0x89, b"p")[1:])
        has_ended = expected[-1:] and (
            expected[-1] in (BROKEN, "1007") or isinstance(expected[-1], Close)
        )
        assert rest == ([] if has_ended else [Ping(b"p")])


def test_compressed_messages_need_the_extension() -> None:
    compressed = frame(0xC1, b"x")
    assert kinds(ClientFrames(may_deflate=True).feed(compressed)) == [TEXT]
    for wrong in (0xC9, 0xA1, 0x91):
        assert kinds(ClientFrames(may_deflate=True).feed(frame(wrong))) == [BROKEN]


def test_payloads_are_unmasked() -> None:
    payload = os.urandom(125)
    assert ClientFrames(may_deflate=False).feed(frame(0x89, payload)) == [Ping(payload)]


def test_what_is_passed_over_is_not_kept() -> None:
    frames = ClientFrames(may_deflate=False)
    frames.feed(frame(0x82, b"", b"\x7f" + (1 << 40).to_bytes(8)))
    for _ in range(100):
        frames.feed(bytes(100_000))
        assert not frames._buffer


def test_random_bytes_are_read_without_an_error() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        frames = ClientFrames(may_deflate=chance.random() < 0.5)
        for _ in range(3):
            data = chance.randbytes(chance.randrange(20))
            if data and chance.random() < 0.8:
                data = bytes([data[0] & 0x8F, data[-1] | 0x80]) + data
            for event in frames.feed(data):
                assert (
                    not isinstance(event, Close) or event.code == 1005 or is_close_code(event.code)
                )
