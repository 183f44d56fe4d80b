"""Makes the message of a base: in slices, so that 100,000 rows hold nobody up."""

from __future__ import annotations

import asyncio

import msgspec

from server.framing import Message
from server.upstream.reader import Reading
from viewstream.protocol import Base, encode

SLICE = 5_000
"""Rows that are encoded in one turn of the loop."""


async def encode_base(view: str, reading: Reading, compress_from: int | None) -> Message:
    """The base as JSON, framed, and deflated beside the loop (zlib lets go of the interpreter)."""
    parts = []
    for start in range(0, len(reading.rows), SLICE):
        parts.append(encode(reading.rows[start : start + SLICE])[1:-1])
        await asyncio.sleep(0)
    rows = msgspec.Raw(b"[" + b",".join(parts) + b"]")
    base = Base(view, reading.epoch, reading.upper, reading.columns, rows, reading.checksum)  # type: ignore[arg-type]
    message = Message(encode(base), compress_from)
    if message.is_compressible:
        await asyncio.to_thread(message.compress)
    return message
