"""The checksum of many rows is the sum of their hashes, though they are not hashed one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewstream import checksum as module
from viewstream.checksum import MODULUS, checksum, row_hash
from viewstream.protocol import Row

rows = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=3).map(tuple)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), rows), max_size=30))
def test_it_is_the_sum_of_weighted_hashes(weighted: list[tuple[int, Row]]) -> None:
    assert checksum(iter(weighted)) == sum(n * row_hash(row) for n, row in weighted) % MODULUS


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000])
def test_any_number_of_rows(size: int) -> None:
    weighted = [(number % 3 - 1, ("row", str(number))) for number in range(size)]
    assert checksum(weighted) == sum(n * row_hash(row) for n, row in weighted) % MODULUS


@pytest.mark.parametrize("crc", [0, 1, 2**16, 2**31, 2**32 - 1])
def test_no_hash_runs_over_into_the_next(monkeypatch: pytest.MonkeyPatch, crc: int) -> None:
    monkeypatch.setattr(module, "crc32", lambda _: crc)
    assert checksum([(1, ("a",))] * 600) == 600 * row_hash(("a",)) % MODULUS
