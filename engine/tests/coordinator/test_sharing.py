"""TAILs of one relation share what their sessions encode, and get what each would get alone."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest

from engine.coordinator import SubscribedChange, Subscription, sharing
from engine.coordinator.sharing import BLOCK_ROWS, Shared
from engine.tests.coordinator.support import Engine

SIZES = (2000, 2000, 700, 1, 5000, 512, 300, 4096)
"""After the first two a batch has room, but less than a block."""

Block = tuple[Hashable, int, int, int]


class Encoder:
    """Encodes blocks, and counts how many."""

    def __init__(self) -> None:
        self.count = 0

    def encode(self, block: SubscribedChange) -> bytes:
        self.count += 1
        return repr((block.time, block.updates)).encode()


def blocks(tail: Subscription, encoder: Encoder) -> dict[Block, bytes]:
    """The blocks of the next batch, which are encoded or shared."""
    found: dict[Block, bytes] = {}
    for change in tail.ready():
        for block in () if change.is_progress else change.blocks():
            assert block.start % BLOCK_ROWS == 0
            assert len(block.updates) <= BLOCK_ROWS
            key = (block.origin, block.time, block.start, len(block.updates))
            assert key not in found
            found[key] = tail.block(block, "form", encoder.encode, len)
            assert found[key] == Encoder().encode(block)
    return found


def all_blocks(tail: Subscription, encoder: Encoder) -> dict[Block, bytes]:
    found: dict[Block, bytes] = {}
    while more := blocks(tail, encoder):
        found |= more
    return found


def test_tails_of_one_relation_encode_each_block_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MAX_BYTES", 100_000_000)

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (0)")
            begin = engine.coordinator.now
            for size in SIZES:
                await engine.run(f"INSERT INTO t SELECT n FROM generate_series(1, {size}) AS g (n)")
            now, encoder = engine.coordinator.now, Encoder()
            options = {"as_of": begin, "snapshot": False}
            tails = [(await engine.tail("t", **options)).subscription for _ in range(3)]
            first = all_blocks(tails[0], encoder)
            assert encoder.count == len(first) == sum(-(-size // BLOCK_ROWS) for size in SIZES)
            assert [all_blocks(tail, encoder) for tail in tails[1:]] == [first, first]
            assert encoder.count == len(first)

            one, two = [(await engine.tail("t", as_of=now)).subscription for _ in range(2)]
            began = blocks(one, encoder)
            assert blocks(two, encoder) == began  # both are reading: it is one snapshot
            assert all_blocks(one, encoder) == all_blocks(two, encoder)
            assert encoder.count == len(first) + -(-5001 // BLOCK_ROWS)
            assert one.collection.shared.snapshot(now, dict).contents == {}, "it is freed"

    asyncio.run(scenario())


def test_a_single_tail_keeps_nothing() -> None:
    shared, encoded = Shared(), []

    def encode() -> bytes:
        encoded.append(1)
        return b"x" * len(encoded)

    shared.join()
    assert [shared.block("key", encode, len) for _ in range(2)] == [b"x", b"xx"]
    shared.join()
    assert [shared.block("key", encode, len) for _ in range(2)] == [b"xxx", b"xxx"]
    shared.leave()
    shared.join()
    assert shared.block("key", encode, len) == b"xxxx"


def test_the_oldest_blocks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MAX_BYTES", 10)
    shared = Shared()
    shared.join()
    shared.join()
    for key in "abc":
        shared.block(key, lambda: b"1234", len)
    assert [shared.block(key, lambda: b"new", len) for key in "cba"] == [b"1234", b"1234", b"new"]
    assert shared.block("large", lambda: b"x" * 11, len) == b"x" * 11
    assert shared.block("large", lambda: b"y", len) == b"y"
