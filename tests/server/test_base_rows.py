"""The rows of a base as JSON: exact whatever the slices are, with weights where that is shorter."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from server.framing import Message
from server.upstream import base_rows
from server.upstream.base_rows import BaseRows, EncodedBase
from server.upstream.errors import TooMuchError
from viewstream.checksum import checksum
from viewstream.protocol import Base, Column, Row, decode

COLUMNS = [Column("a", "text"), Column("b", "int8")]


def make(rows: BaseRows) -> EncodedBase:
    return rows.make("v", "1-u1", 7, COLUMNS, 100)


def decoded(message: Message | None) -> Base:
    assert message is not None
    base = decode(bytes(message.payload))
    assert isinstance(base, Base)
    return base


def contents(base: Base) -> Counter[Row]:
    counted: Counter[Row] = Counter()
    for row, weight in zip(base.rows, base.weights or [1] * len(base.rows), strict=True):
        counted[row] += weight
    return counted


def add_slices(rows: Sequence[Row], size: int) -> BaseRows:
    collected = BaseRows()
    for start in range(0, len(rows), size):
        collected.add(rows[start : start + size])
    return collected


def test_different_rows_have_no_weights_and_keep_their_order() -> None:
    rows: list[Row] = [(f"user {n}", None if n % 3 else str(n)) for n in range(100)]
    encoded = make(add_slices(rows, 7))
    expected = Base("v", "1-u1", 7, COLUMNS, rows, checksum((1, row) for row in rows))
    assert decoded(encoded.message) == expected
    assert not encoded.is_weighted


def test_no_rows() -> None:
    assert decoded(make(BaseRows()).message) == Base("v", "1-u1", 7, COLUMNS, [], 0)


@pytest.mark.parametrize("seed", range(20))
def test_any_multiset_comes_out_as_it_went_in(seed: int) -> None:
    rng = random.Random(seed)
    rows: list[Row] = [
        (rng.choice('abc\0\\"'), rng.choice([None, "1", "2"])) for _ in range(rng.randrange(1, 300))
    ]
    total, size = checksum((1, row) for row in rows), rng.randrange(1, 50)
    encoded = make(add_slices(rows, size))
    messages = [encoded.message, *([encoded.expanded] if encoded.is_weighted else [])]
    for message in messages:
        base = decoded(message)
        assert contents(base) == Counter(rows)
        assert base.checksum == total
    if encoded.is_weighted:
        assert decoded(encoded.expanded).weights is None
        assert 2 * len(decoded(encoded.message).rows) <= len(rows)
    else:
        assert decoded(encoded.message).rows == rows


def test_rows_that_were_counted_by_the_engine() -> None:
    rows = BaseRows()
    rows.add_weighted({("x", "1"): 3, ("y", None): 1})
    rows.add_weighted({("z", "1"): 2})
    encoded = make(rows)
    assert decoded(encoded.message).weights == [3, 1, 2]
    expected = [("x", "1"), ("x", "1"), ("x", "1"), ("y", None), ("z", "1"), ("z", "1")]
    assert decoded(encoded.expanded).rows == expected


@pytest.mark.parametrize("count", [1, 2, 9_362, 9_363, 50_000])
def test_copies_of_a_row_are_counted_exactly(count: int) -> None:
    rows = BaseRows()
    rows.add_weighted({("x", "1"): count, ("y" * 100_000, "2"): 3})
    encoded = make(rows)
    expanded = decoded(encoded.expanded if encoded.is_weighted else encoded.message)
    assert contents(expanded) == {("x", "1"): count, ("y" * 100_000, "2"): 3}


def test_any_number_of_equal_rows_is_one_line() -> None:
    rows = BaseRows()
    rows.add_weighted({("x" * 100, "1"): 10_000_000, ("y", "1"): 10**15})
    encoded = make(rows)
    assert decoded(encoded.message).weights == [10_000_000, 10**15]
    assert encoded.message.size < 500
    assert encoded.expanded is None, "clients without weights cannot have it"


def test_a_base_that_no_browser_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_rows, "MAX_BYTES", 1 << 20)
    rows = BaseRows()
    with pytest.raises(TooMuchError, match="more than 1 MiB"):
        for n in range(100):
            rows.add([(f"{n}" * 10_000, None)])
    assert rows.lines < 100
