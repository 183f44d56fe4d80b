"""The checksum of a view's rows: one number that a client and the server can compare.

It is the sum, modulo 2^32, of `weight * row_hash(row)` over all rows. A sum does not depend on
the order of rows, and a change costs only what the change holds: `checksum(base) +
checksum(updates)` is the checksum of what comes out.

A row is hashed as JSON without blanks (in UTF-8, with the shortest escapes and only those that
JSON demands), by CRC-32 and then a bijective mix of multiplications and shifts. The mix is
needed: CRC-32 is linear over XOR, so without it two rows that exchange the values of a column
would often leave the sum as it was. The multipliers are those of the `lowbias32` function found
by Chris Wellons' hash prospector. Test vectors: `tests/vectors/checksum.json`.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import msgspec

from server.protocol import Row

MODULUS = 2**32
_MASK = MODULUS - 1
_encode = msgspec.json.Encoder().encode


def row_hash(row: Row) -> int:
    """The hash of one row: an integer from 0 to 2^32-1."""
    mixed = crc32(_encode(row))
    mixed = (mixed ^ mixed >> 16) * 0x7FEB352D & _MASK
    mixed = (mixed ^ mixed >> 15) * 0x846CA68B & _MASK
    return mixed ^ mixed >> 16


def checksum(weighted: Iterable[tuple[int, Row]]) -> int:
    """The checksum of (weight, row) pairs; weights may be negative, as diffs are."""
    return sum(weight * row_hash(row) for weight, row in weighted) % MODULUS
