"""Views with many equal rows: read, sent and refused, with clients of both kinds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.app import Server
from server.http import table
from server.options import Options
from server.upstream import base_rows, reader
from server.upstream.database import Database
from server.upstream.errors import TooMuchError
from server.upstream.reader import Reader
from tests.server.fake_engine import FakeEngine
from tests.server.served import get_rows
from tests.support.processes import PATIENCE
from viewstream.client import follow
from viewstream.client.state import ViewState, receive
from viewstream.names import ViewName
from viewstream.protocol import Base, Delta, Message, Row, Status, Update, decode

ROWS: list[Row] = [("same", "1")] * 4_000 + [("other", None)] * 3 + [("last", "2")]
MORE = ("&weights=1", "")
Scene = Callable[[Server], Awaitable[None]]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 1_000)
    engine.rows = ROWS


def run(engine: FakeEngine, scene: Scene, *views: str) -> None:
    async def serve() -> None:
        parts = (("v", "user"),)
        options = Options(views or ("v",), part=parts, listen=("127.0.0.1", 0), dsn=engine.dsn)
        server = Server(options)
        try:
            await scene(server)
        finally:
            await server.stop()

    asyncio.run(asyncio.wait_for(serve(), 2 * PATIENCE))


def dial(server: Server, query: str) -> connect:
    address = f"{server.url.replace('http', 'ws', 1)}/view/stream?{query}"
    return connect(address, open_timeout=PATIENCE, ping_interval=None)


async def next_message(client: ClientConnection, kind: type[Message]) -> Message:
    while True:
        message = decode(await client.recv())
        if isinstance(message, kind) and getattr(message, "state", "") != "waiting":
            return message


async def base_for(server: Server, query: str) -> Base:
    async with dial(server, query) as client:
        base = await next_message(client, Base)
    assert isinstance(base, Base)
    return base


def test_a_client_that_takes_weights_gets_them(engine: FakeEngine) -> None:
    async def scene(server: Server) -> None:
        base = await base_for(server, "view=v&weights=1")
        assert base.weights is not None
        assert dict(zip(base.rows, base.weights, strict=True)) == Counter(ROWS)
        state = ViewState("v")
        receive(state, base)
        assert state.rows == Counter(ROWS)

    run(engine, scene)


@pytest.mark.parametrize("query", ["view=v", "view=v&weights=", "view=v&weights=2"])
def test_one_that_does_not_gets_each_row_as_often_as_it_is_there(
    engine: FakeEngine, query: str
) -> None:
    async def scene(server: Server) -> None:
        base = await base_for(server, query)
        assert base.weights is None
        assert Counter(base.rows) == Counter(ROWS)
        assert base.checksum == (await base_for(server, "view=v&weights=1")).checksum

    run(engine, scene)


def test_event_streams_are_alike(engine: FakeEngine) -> None:
    def read(url: str) -> Base:
        with requests.get(url, stream=True, timeout=20) as answer:
            for line in answer.iter_lines(chunk_size=1):
                if line.startswith(b'data: {"type":"base"'):
                    base = decode(line.removeprefix(b"data: "))
                    assert isinstance(base, Base)
                    return base
        raise AssertionError("no base came")

    async def scene(server: Server) -> None:
        url = f"{server.url}/view/stream?view=v"
        assert len((await asyncio.to_thread(read, url)).rows) == len(ROWS)
        assert (await asyncio.to_thread(read, f"{url}&weights=1")).weights is not None

    run(engine, scene)


def test_too_many_equal_rows_are_refused_to_a_client_without_weights(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_rows, "MAX_BYTES", 10_000)

    async def scene(server: Server) -> None:
        async with dial(server, "view=v") as old:
            status = await next_message(old, Status)
            assert isinstance(status, Status)
            assert status.state == "refused"
            assert "weights=1" in status.reason
            with pytest.raises(ConnectionClosed, match="weights=1"):
                await old.recv()
            assert old.close_code == 4400
        assert (await base_for(server, "view=v&weights=1")).weights is not None

    run(engine, scene)


def test_a_part_has_weights_of_its_own(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    part = "v[user=same]"

    async def scene(server: Server) -> None:
        weighted, plain = [await base_for(server, f"view={part}{more}") for more in MORE]
        assert (weighted.view, weighted.rows, weighted.weights) == (part, [("same", "1")], [4_000])
        assert (plain.rows, plain.weights) == ([("same", "1")] * 4_000, None)
        assert weighted.checksum == plain.checksum
        base = await base_for(server, "view=v[user=last]&weights=1")
        assert (base.rows, base.weights) == ([("last", "2")], None), "nothing is repeated"

    async def refused(server: Server) -> None:
        async with dial(server, f"view={part}") as old:
            status = await next_message(old, Status)
            assert isinstance(status, Status)
            assert (status.view, status.state) == (part, "refused")
            with pytest.raises(ConnectionClosed, match="weights=1"):
                await old.recv()
        assert (await base_for(server, f"view={part}&weights=1")).weights == [4_000]

    run(engine, scene)
    monkeypatch.setattr(base_rows, "MAX_BYTES", 10_000)
    run(engine, refused)


def test_its_other_views_go_on(engine: FakeEngine) -> None:
    async def scene(server: Server) -> None:
        await base_for(server, "view=w&weights=1")
        history = server.hub._views["w"].history
        assert history.base is not None
        history.base = replace(history.base, expanded=None)
        async with dial(server, "view=v&view=w") as old:
            bases, refused = set(), set()
            while not (bases and refused):  # in whichever order
                message = decode(await old.recv())
                if isinstance(message, Base):
                    bases.add(message.view)
                elif isinstance(message, Status) and message.state == "refused":
                    refused.add(message.view)
            assert (bases, refused) == ({"v"}, {"w"})
            assert server.hub.report("v", 0).listeners == 1
            assert server.hub.report("w", 0).listeners == 0

    run(engine, scene, "v", "w")


def test_the_python_client_takes_weights(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_rows, "MAX_BYTES", 10_000)

    async def scene(server: Server) -> None:
        async with follow(server.url, "v") as stream:
            view = stream["v"]
            await stream.until(lambda: view.is_loaded)
            assert Counter((row["user"], row["count"]) for row in view.rows()) == {
                ("same", 1): 4_000,
                ("other", None): 3,
                ("last", 2): 1,
            }

    run(engine, scene)


def test_a_view_that_has_become_small_is_read_plainly_again(engine: FakeEngine) -> None:
    async def read() -> list[int]:
        database = Database(engine.dsn)
        asked = Reader(database)
        sizes = []
        for rows in (ROWS, ROWS[-2:], [("x", "1")], [], ROWS, []):
            engine.rows = rows
            base = await asked.base(ViewName("v"))
            sizes.append(base.rows.total)
            assert [column.name for column in base.columns] == ["user", "count"]
        database.close()
        return sizes

    assert asyncio.run(read()) == [len(ROWS), 2, 1, 0, len(ROWS), 0]


def test_too_many_different_rows_are_too_much(engine: FakeEngine) -> None:
    engine.rows = [(f"user {n}", "1") for n in range(1_001)]

    async def read() -> None:
        database = Database(engine.dsn)
        with pytest.raises(TooMuchError, match="more than 1,000 different rows"):
            await Reader(database).base(ViewName("v"))
        engine.rows = engine.rows[1:]
        base = await Reader(database).base(ViewName("v"))
        assert base.rows.total == 1_000
        database.close()

    asyncio.run(read())


def test_a_list_of_rows_has_each_as_often_as_it_is_there(engine: FakeEngine) -> None:
    async def scene(server: Server) -> None:
        await base_for(server, "view=v&weights=1")
        changes: list[Update] = [(1_001, -3_999, ("same", "1")), (1_001, 2, ("other", None))]
        server.hub.take_delta(Delta("v", engine.epoch, 900, 1_001, []), 0, 0)
        server.hub.take_delta(Delta("v", engine.epoch, 1_001, 1_002, changes), 0, 0)
        url = f"{server.url}/view/rows?view=v&format=ndjson"
        answer = await asyncio.to_thread(get_rows, url)
        assert Counter(answer.text.splitlines()) == {
            '{"user":"same","count":1}': 1,
            '{"user":"other","count":null}': 5,
            '{"user":"last","count":2}': 1,
        }

    run(engine, scene)


def test_a_list_that_would_be_too_long_is_refused(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_ROWS", 4_000)

    async def scene(server: Server) -> None:
        url = f"{server.url}/view/rows?view=v"
        answer = await asyncio.to_thread(get_rows, url)
        assert answer.status_code == 406
        assert "4,004 rows" in answer.json()["error"]
        assert "weights=1" in answer.json()["error"]

    run(engine, scene)
