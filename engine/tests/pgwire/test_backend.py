"""The server's messages, byte for byte as PostgreSQL's documentation has them."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.pgwire import backend

ERROR = SqlError("no such thing", "42704", detail="d", hint="h", position=8)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (backend.authentication_ok(), b"R\0\0\0\x08\0\0\0\0"),
        (backend.parameter_status("a", "b"), b"S\0\0\0\x08a\0b\0"),
        (backend.backend_key_data(1, -2), b"K\0\0\0\x0c\0\0\0\x01\xff\xff\xff\xfe"),
        (
            backend.negotiate_protocol_version(0, ["_pq_.x"]),
            b"v\0\0\0\x13\0\0\0\0\0\0\0\x01_pq_.x\0",
        ),
        (backend.ready_for_query("T"), b"Z\0\0\0\x05T"),
        (
            backend.row_description([backend.Field("n", 20, 8, 1)]),
            b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x14\0\x08\xff\xff\xff\xff\0\x01",
        ),
        (backend.row_description([]), b"T\0\0\0\x06\0\0"),
        (backend.command_complete("SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
        (backend.empty_query_response(), b"I\0\0\0\x04"),
        (
            backend.error_response(ERROR),
            b"E\0\0\0\x32SERROR\0VERROR\0C42704\0Mno such thing\0Dd\0Hh\0P8\0\0",
        ),
        (
            backend.error_response(SqlError("m"), "FATAL"),
            b"E\0\0\0\x1dSFATAL\0VFATAL\0CXX000\0Mm\0\0",
        ),
        (
            backend.notice_response(SqlError("m", "00000")),
            b"N\0\0\0\x1fSNOTICE\0VNOTICE\0C00000\0Mm\0\0",
        ),
        (backend.parse_complete(), b"1\0\0\0\x04"),
        (backend.bind_complete(), b"2\0\0\0\x04"),
        (backend.close_complete(), b"3\0\0\0\x04"),
        (backend.no_data(), b"n\0\0\0\x04"),
        (backend.portal_suspended(), b"s\0\0\0\x04"),
        (backend.parameter_description([23]), b"t\0\0\0\x0a\0\x01\0\0\0\x17"),
        (backend.copy_out_response(2, binary=False), b"H\0\0\0\x0b\0\0\x02\0\0\0\0"),
        (backend.copy_out_response(1, binary=True), b"H\0\0\0\x09\x01\0\x01\0\x01"),
        (backend.copy_data(b"x\n"), b"d\0\0\0\x06x\n"),
        (backend.copy_done(), b"c\0\0\0\x04"),
    ],
)
def test_bytes_of_a_message(written: bytes, expected: bytes) -> None:
    assert written == expected


def test_what_the_protocol_cannot_carry_does_not_break_it() -> None:
    assert backend.command_complete("a\0b\ud800") == b"C\0\0\0\x08ab?\0"
