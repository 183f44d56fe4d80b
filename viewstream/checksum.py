"""The checksum of a view's rows: one number that a client and the server can compare.

It is the sum, modulo 2^32, of `weight * row_hash(row)` over all rows. A sum does not depend on
the order of rows, and a change costs only its own rows: `checksum(base) +
checksum(updates)` is the checksum of the result.

A row is hashed as JSON without blanks (in UTF-8, with the shortest escapes and only those that
JSON demands), by CRC-32 and then a bijective mix of multiplications and shifts. The mix is
needed: CRC-32 is linear over XOR, so without it two rows that exchange the values of a column
would often leave the sum as it was. The multipliers are those of the `lowbias32` function found
by Chris Wellons' hash prospector. Test vectors: `tests/vectors/checksum.json`.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

import msgspec

from viewstream.protocol import Row

MODULUS = 2**32
_MASK = MODULUS - 1
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_encode = msgspec.json.Encoder().encode

_FEW = 8
"""Hashes below which each is mixed by itself: the integers of the other way are large."""
_LANES = 256
"""Hashes that are mixed at once, each in 64 bits of one large integer, in half the time."""
_ONES = sum(1 << 64 * lane for lane in range(_LANES))
_LOW_32, _LOW_17, _LOW_16 = _ONES * _MASK, _ONES * (2**17 - 1), _ONES * (2**16 - 1)


def row_hash(row: Row) -> int:
    """Return the hash of one row: an integer from 0 to 2^32-1."""
    return _mix(crc32(_encode(row)))


def _mix(mixed: int) -> int:
    mixed = (mixed ^ mixed >> 16) * _FIRST & _MASK
    mixed = (mixed ^ mixed >> 15) * _SECOND & _MASK
    return mixed ^ mixed >> 16


def checksum(weighted: Iterable[tuple[int, Row]]) -> int:
    """Return the checksum of (weight, row) pairs; weights may be negative, as diffs are."""
    crcs: defaultdict[int, list[int]] = defaultdict(list)
    for weight, row in weighted:
        crcs[weight].append(crc32(_encode(row)))
    return sum(weight * _sum_mixed(values) for weight, values in crcs.items()) % MODULUS


def _sum_mixed(crcs: list[int]) -> int:
    """Return the sum of the row hashes that have these CRCs.

    The same steps, on many lanes of 64 bits: a product of 32 bits by 32 does not leave its lane,
    bits that a shift moves in from the next lane are masked, and since 2^64 = 1 modulo 2^64 - 1 the
    remainder is the sum of the lanes: 256 numbers below 2^32 do not come near that.
    """
    if len(crcs) < _FEW:
        return sum(map(_mix, crcs))
    total = 0
    for start in range(0, len(crcs), _LANES):
        lanes = array("Q", crcs[start : start + _LANES]).tobytes()
        mixed = int.from_bytes(lanes, sys.byteorder)
        mixed = (mixed ^ mixed >> 16 & _LOW_16) * _FIRST & _LOW_32
        mixed = (mixed ^ mixed >> 15 & _LOW_17) * _SECOND & _LOW_32
        total += (mixed ^ mixed >> 16 & _LOW_16) % (2**64 - 1)
    return total
