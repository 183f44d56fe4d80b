"""Large bases: the work of one turn of the event loop is bounded, so other clients go on."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable

import pytest
from tornado.websocket import websocket_connect

from server.app import Server
from server.framing import Message as FramedMessage
from server.options import Options
from server.upstream import base_rows
from server.upstream.database import Answer
from server.upstream.reader import COLLECT_SLICE
from tests.server.fake_engine import FakeEngine
from tests.support.processes import PATIENCE
from viewstream.protocol import Base, Delta, Message, Row, decode

ROWS = 100_000


class Turns:
    """Counts the turns of the running event loop, and the work that each of them did."""

    def __init__(self) -> None:
        self.number = 0
        self.work: dict[str, Counter[int]] = {}
        self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            self.number += 1
            await asyncio.sleep(0)

    def add(self, kind: str, amount: int) -> None:
        self.work.setdefault(kind, Counter())[self.number] += amount

    def most(self, kind: str) -> int:
        """The most of that work that one turn did."""
        return max(self.work[kind].values())

    def stop(self) -> None:
        self._counting.cancel()


class Follower:
    """A websocket client in this event loop that keeps all messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.arrived = asyncio.Condition()

    @classmethod
    async def connect(cls, server: Server, view: str) -> Follower:
        self = cls()
        address = f"{server.url.replace('http', 'ws')}/view/stream?view={view}"
        connection = await websocket_connect(
            address, compression_options={}, max_message_size=1 << 30
        )
        self._connection = connection
        self._reading = asyncio.create_task(self._read())
        return self

    async def close(self) -> None:
        self._connection.close()
        await self._reading

    async def _read(self) -> None:
        while (text := await self._connection.read_message()) is not None:
            async with self.arrived:
                self.messages.append(decode(text))
                self.arrived.notify_all()

    async def base(self) -> Base:
        async with self.arrived:
            await self.arrived.wait_for(lambda: any(isinstance(m, Base) for m in self.messages))
        return next(message for message in self.messages if isinstance(message, Base))


def serve(engine: FakeEngine, *views: str) -> Server:
    """A server whose engine has as long as a slow machine takes for a large view."""
    timeout = 2 * PATIENCE
    return Server(Options(views, listen=("127.0.0.1", 0), dsn=engine.dsn, engine_timeout=timeout))


def test_no_turn_of_the_event_loop_does_more_than_a_slice_of_a_large_base(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.rows = [(f"user number {n}", str(n)) for n in range(ROWS)]
    compressed_in: list[str] = []

    async def run() -> Base:
        turns = Turns()
        take, encode, compress = Answer.take, base_rows.encode, FramedMessage.compress

        def counted_take(answer: Answer, count: int) -> object:
            rows = take(answer, count)
            if count == COLLECT_SLICE:  # and no answer about epochs
                turns.add("collected", len(rows))
            return rows

        def counted_encode(rows: object) -> bytes:
            turns.add("encoded", len(rows) if isinstance(rows, list) else 0)
            return encode(rows)

        def traced_compress(message: FramedMessage) -> None:
            if message.size > ROWS:
                compressed_in.append(threading.current_thread().name)
            compress(message)

        monkeypatch.setattr(Answer, "take", counted_take)
        monkeypatch.setattr(base_rows, "encode", counted_encode)
        monkeypatch.setattr(FramedMessage, "compress", traced_compress)
        server = serve(engine, "large")
        follower = await Follower.connect(server, "large")
        base = await follower.base()
        turns.stop()
        await follower.close()
        await server.stop()
        assert sum(turns.work["collected"].values()) >= ROWS
        assert turns.most("collected") <= COLLECT_SLICE <= 2_000
        assert turns.most("encoded") <= 2 * COLLECT_SLICE  # the rows and their weights
        return base

    base = asyncio.run(asyncio.wait_for(run(), 2 * PATIENCE))
    assert base == engine.base("large")
    assert compressed_in
    assert all(name != threading.main_thread().name for name in compressed_in)


def test_deltas_of_another_view_are_sent_while_a_large_base_is_read(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> int:
        server = serve(engine, "large", "small")
        small = await Follower.connect(server, "small")
        await small.base()
        posted = iter(range(1001, 1_000_000))
        checksum = base_rows.checksum

        def post_while_summing(rows: Iterable[tuple[int, Row]]) -> int:
            upper = next(posted) + 1
            delta = Delta("small", engine.epoch, upper - 1, upper, [(upper - 1, 1, ("x", "1"))])
            server.hub.take_delta(delta, 0, 0)
            return checksum(rows)

        monkeypatch.setattr(base_rows, "checksum", post_while_summing)
        view = server.hub._views["large"]
        while view.history.base is None:  # noqa: ASYNC110 -- no event; else it would be the answer
            await asyncio.sleep(0)
        engine.rows = [(f"user {n}", str(n)) for n in range(ROWS)]
        view.wants_base = True
        server._upstream.poller.on_question("large")
        while view.history.base.message.size < ROWS:  # noqa: ASYNC110
            await asyncio.sleep(0)
        sent = server.hub._views["small"].feed.flushed - 1001
        await small.close()
        await server.stop()
        return sent

    slices = ROWS // COLLECT_SLICE
    assert asyncio.run(asyncio.wait_for(run(), 2 * PATIENCE)) >= slices // 2
