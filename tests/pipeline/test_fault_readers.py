"""Tokens, event streams and the hostile client of the fault kit, against servers that are wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scripts.faultkit.events import EventSource
from scripts.faultkit.hostile import Hostile
from scripts.faultkit.keyring import Keyring
from server.access.grant import Grant
from server.access.reader_keys import ReaderKeys
from server.access.refusal import Refusal
from viewstream.client.state import ViewState, receive
from viewstream.protocol import decode

T = TypeVar("T")
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
BASE = (
    'event: base\nid: v@1-u1:5\ndata: {"type":"base","view":"v","epoch":"1-u1","upper":5,'
    '"columns":[],"rows":[]}\n\n'
)
DELTA = (
    'event: delta\nid: v@1-u1:9\ndata: {"type":"delta","view":"v","epoch":"1-u1","lower":5,'
    '"upper":9,"updates":[]}\n\n'
)


def keyring(folder: Path) -> Keyring:
    return Keyring(folder / "keys", random.Random(1))


def test_good_tokens_are_taken_and_bad_ones_are_refused(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    keys = ReaderKeys(ring.path)
    assert isinstance(keys.check(ring.sign(), time.time()), Grant)
    part = keys.check(ring.sign({"v": ["1"]}), time.time())
    assert isinstance(part, Grant)
    assert [part.may_read(view) for view in ("v[n=1]", "v[n=2]", "v")] == [True, False, False]
    for token in ring.bad_tokens():
        assert isinstance(keys.check(token, time.time()), Refusal), token


def test_a_rotated_key_is_taken_until_it_is_forgotten(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    keys = ReaderKeys(ring.path)

    def is_taken(token: str) -> bool:
        keys.reload()
        return isinstance(keys.check(token, time.time()), Grant)

    old, following = ring.sign(), ring.publish_next()
    assert is_taken(old)
    assert is_taken(ring.sign_by(following))
    ring.adopt(following)
    ring.forget_others()
    assert not is_taken(old)
    assert is_taken(ring.sign())


def with_server(answers: Sequence[str], use: Callable[[int], Awaitable[T]]) -> tuple[T, list[str]]:
    """Serve `answers` in turn, one a connection, while `use(port)` runs; return the requests."""
    requests: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            sent = answers[min(len(requests), len(answers)) - 1]
            writer.write(sent.encode())
            if not sent.startswith(HEAD):  # any other answer keeps the connection open
                await reader.read()
        finally:
            writer.close()

    async def serve() -> T:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            return await use(server.sockets[0].getsockname()[1])

    return asyncio.run(serve()), requests


async def read(source: EventSource, states: dict[str, ViewState], port: int) -> int | None:
    """Read one stream to its end; return the code that closed it."""
    socket = await source.dial(f"ws://127.0.0.1:{port}/view/stream?view=v", "TOKEN")
    with pytest.raises(ConnectionClosed):
        while True:
            message = decode(await socket.recv())
            receive(states[message.view], message)
    await socket.close()
    return socket.close_code


def follow_events(*answers: str) -> tuple[list[int | None], list[str], list[str]]:
    """Follow the streams one after the other: their codes, the requests, and what was wrong."""
    states = {"v": ViewState("v")}
    source = EventSource(lambda: states)

    async def use(port: int) -> list[int | None]:
        return [await read(source, states, port) for _ in answers]

    codes, requests = with_server(answers, use)
    return codes, requests, source.wrong


def test_a_stream_resumes_by_the_id_of_the_last_whole_event() -> None:
    close = 'event: close\nretry: 500\ndata: {"code":4440,"reason":"the token has expired"}\n\n'
    codes, requests, wrong = follow_events(HEAD + BASE + DELTA[:-1], HEAD + DELTA + close)
    assert codes == [1006, 4440]
    assert "Last-Event-ID" not in requests[0]
    assert "Last-Event-ID: v@1-u1:5\r\n" in requests[1]
    assert all("Authorization: Bearer TOKEN\r\n" in request for request in requests)
    assert wrong == []


@pytest.mark.parametrize(
    ("event_id", "error"),
    [
        ("v@1-u1:8", "v is at 1-u1:9, the event's id has 1-u1:8"),
        ("v@2-u1:9", "v is at 1-u1:9, the event's id has 2-u1:9"),
        ("", "a delta of v has the id ''"),
    ],
)
def test_an_id_that_is_not_the_position_is_an_error(event_id: str, error: str) -> None:
    _, _, wrong = follow_events(HEAD + BASE + DELTA.replace("v@1-u1:9", event_id))
    assert wrong == [error]


def test_a_refused_stream_does_not_wait_for_the_end_of_the_connection() -> None:
    states = {"v": ViewState("v")}
    answers = ["HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"]

    async def use(port: int) -> int:
        with pytest.raises(InvalidStatus) as caught:
            await EventSource(lambda: states).dial(f"ws://127.0.0.1:{port}/view/stream")
        return caught.value.response.status_code

    assert with_server(answers, use)[0] == 401


@pytest.mark.parametrize(("taken", "status"), [(200, 401), (500, 401), (403, 401)])
def test_a_server_that_does_not_refuse_a_bad_token_is_reported(
    taken: int, status: int, tmp_path: Path
) -> None:
    async def use(port: int) -> Hostile:
        hostile = Hostile(["v"], [port], [port], keyring(tmp_path), random.Random(1))
        await hostile.send_bad_token(port)
        await hostile.send_bad_token(port)
        return hostile

    answers = [f"HTTP/1.1 {one} X\r\nContent-Length: 0\r\n\r\n" for one in (status, taken)]
    hostile, _ = with_server(answers, use)
    assert hostile.refused == 1
    assert [sentence.split(" for ")[0] for sentence in hostile.wrong] == [f"hostile: {taken}"]


def test_a_server_that_gives_more_than_the_granted_part_is_reported(tmp_path: Path) -> None:
    async def use(port: int) -> Hostile:
        hostile = Hostile(["v"], [port], [port], keyring(tmp_path), random.Random(1))
        await hostile.ask_for_more(port)
        return hostile

    hostile, _ = with_server(["HTTP/1.1 101 X\r\n\r\n"], use)
    assert [sentence.split(" for ")[0] for sentence in hostile.wrong] == ["hostile: 101"]
