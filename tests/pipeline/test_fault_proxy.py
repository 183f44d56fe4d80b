"""The proxies of the fault kit inject their faults: without a fault a proof is worth nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import requests

from scripts.faultkit.proxy import PostFault, PostProxy, StreamProxy
from tests.support.scripted_http import ScriptedHttp

BODIES = [b'{"number":%d}' % number for number in range(4)]


@asynccontextmanager
async def proxied(server: ScriptedHttp) -> AsyncIterator[PostProxy]:
    proxy = PostProxy(server.port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()


def post(port: int, body: bytes) -> int | None:
    """The status of one POST, or None if the connection broke."""
    try:
        return requests.post(f"http://127.0.0.1:{port}/", data=body, timeout=60).status_code
    except requests.ConnectionError:
        return None


async def inject(server: ScriptedHttp, fault: PostFault) -> tuple[list[int | None], float]:
    """Post all bodies with a fault in the first; return the answers, and the seconds they took."""
    async with proxied(server) as proxy:
        begin = time.monotonic()
        injecting = asyncio.create_task(proxy.inject(fault, 1, 0.5))
        await asyncio.sleep(0)
        answers = [await asyncio.to_thread(post, proxy.port, body) for body in BODIES]
        await injecting
        return answers, time.monotonic() - begin


@pytest.mark.parametrize(
    ("fault", "first", "arrived"),
    [
        (PostFault.CUT_BEFORE, None, [1, 2, 3]),
        (PostFault.CUT_AFTER, None, [0, 1, 2, 3]),
        (PostFault.DELAY, 200, [0, 1, 2, 3]),
        (PostFault.TRUNCATE, None, [1, 2, 3]),
        (PostFault.DUPLICATE, 200, [0, 0, 1, 2, 3]),
        (PostFault.REORDER, None, [1, 0, 2, 3]),
    ],
)
def test_one_post_has_the_fault_and_the_others_pass(
    fault: PostFault, first: int | None, arrived: list[int]
) -> None:
    with ScriptedHttp() as server:
        answers, seconds = asyncio.run(inject(server, fault))
        whole = [request.body for request in server.requests if request.body in BODIES]
    assert answers == [first, 200, 200, 200]
    assert whole == [BODIES[number] for number in arrived]
    assert (seconds >= 0.5) or fault is not PostFault.DELAY


def test_a_stream_is_cut_in_the_middle_of_a_message() -> None:
    async def scenario() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(100):
                writer.write(b"0123456789")
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        proxy = StreamProxy(server.sockets[0].getsockname()[1])
        await proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"first")
        assert await reader.readexactly(10) == b"0123456789"
        assert proxy.cut_mid_frame() == 1
        writer.write(b"second")
        assert await reader.read() == b"01234"
        writer.close()
        await proxy.close()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())
