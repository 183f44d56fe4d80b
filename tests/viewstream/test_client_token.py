"""Tokens of readers in the Python client: when one is asked for, and how it goes on."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.reader_tokens import SECRET, make_token
from tests.viewstream.test_client_stream import ALICE, FakeSocket, OverError, Stage, base, delta
from viewstream.client import follow
from viewstream.client.stream import Stream
from viewstream.client.token import Next, Tokens
from viewstream.client.view import FollowError


def ending(at: float | None, name: str = "") -> str:
    """A token that ends then; it is in no case signed."""
    payload = json.dumps({} if at is None else {"exp": at, "name": f"{name}ÿ>?"}).encode()
    return f"h.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.s"


def refused(status: int = 401) -> InvalidStatus:
    body = b'{"error":"the token has expired"}'
    return InvalidStatus(Response(status, "", Headers(), body))


def expired(*script: Any) -> FakeSocket:
    return FakeSocket(list(script), close_code=4440, close_reason="the token has expired")


def numbered() -> Callable[[], str]:
    """A function whose tokens are named 1, 2, 3."""
    names = iter(range(1, 100))
    return lambda: str(next(names))


def test_a_token_is_kept_over_reconnects() -> None:
    stage = Stage([FakeSocket([base(10, ALICE)]), OSError(), FakeSocket([])])
    stage.play(token=numbered())
    assert stage.tokens == ["1", "1", "1"]


def test_an_expired_token_is_replaced_at_once_and_the_view_resumes() -> None:
    stage = Stage([expired(base(10, ALICE)), FakeSocket([delta(10, 20)])])
    stage.play(token=numbered())
    assert stage.tokens == ["1", "2"]
    assert stage.pauses[0] == 0.0
    assert "view=v%401-u1%3A10" in stage.urls[1]


def test_nobody_sees_that_a_token_was_replaced() -> None:
    seen: list[str] = []
    stage = Stage([expired(base(10, ALICE)), OSError()])

    async def ask() -> str:
        seen.append(stream["v"].standing.state)
        return "token"

    async def dial(url: str, token: str | None = None) -> FakeSocket:
        seen.append(stream["v"].standing.state)
        return await stage.dial(url)

    stream = Stream("http://x", ["v"], token=ask, dial=dial, sleep=stage.sleep)
    with pytest.raises(OverError):
        asyncio.run(stream.run())
    assert seen == ["connecting", "connecting", "live", "live", "connecting"]


def test_a_refused_token_is_replaced_thrice_at_most() -> None:
    stage = Stage([refused(), refused(), refused(), FakeSocket([])])
    with pytest.raises(FollowError, match=r"answered 401: .*the token has expired"):
        asyncio.run(
            Stream("http://x", ["v"], token=numbered(), dial=stage.dial, sleep=stage.sleep).run()
        )
    assert stage.tokens == ["1", "2", "3"]
    assert all(pause > 0 for pause in stage.pauses)


def test_a_connection_that_worked_begins_the_count_of_refusals_again() -> None:
    works = FakeSocket([base(10, ALICE)])
    stage = Stage([refused(), refused(), works, refused(), refused(), FakeSocket([])])
    stage.play(token=numbered())
    assert stage.tokens == ["1", "2", "3", "3", "4", "5"]


@pytest.mark.parametrize("end", [refused(), expired()])
def test_without_a_function_for_tokens_the_refusal_is_final(end: Any) -> None:
    stage = Stage([end])
    with pytest.raises(FollowError, match="the token has expired"):
        asyncio.run(Stream("http://x", ["v"], dial=stage.dial, sleep=stage.sleep).run())


def test_a_view_that_is_not_granted_is_refused_at_once() -> None:
    stage = Stage([refused(403)])
    with pytest.raises(FollowError, match="answered 403"):
        asyncio.run(Stream("http://x", ["v"], token=numbered(), dial=stage.dial).run())


def test_a_function_that_fails_is_called_again_after_a_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: list[Any] = [OSError("no login server"), "token"]

    async def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    stage = Stage([FakeSocket([])])
    stage.play(token=ask)
    assert stage.tokens == ["token"]
    assert stage.pauses[0] > 0
    assert "no token for a reader: OSError('no login server')" in caplog.text


@pytest.mark.parametrize(("passed", "expected"), [(99, "first"), (100, "second")])
def test_a_token_that_has_ended_is_not_sent(passed: int, expected: str) -> None:
    now = 1000
    given = {name: ending(now + life, name) for name, life in (("first", 100), ("second", 50))}
    answers = list(given.values())

    async def run() -> None:
        nonlocal now
        tokens = Tokens(lambda: answers.pop(0), lambda: now)
        assert await tokens.next() == given["first"]
        now += passed
        assert await tokens.next() == given[expected]

    asyncio.run(run())


def renewals(
    lives: list[float | None],
    ask: Callable[[int], Awaitable[str]] | None = None,
) -> list[float]:
    """When `keep_fresh` asks, for tokens with these lives from then on."""
    now, asked = 1000.0, []

    async def give() -> str:
        asked.append(now - 1000)
        life = lives.pop(0)
        return ending(None if life is None else now + life, str(len(lives)))

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def run() -> None:
        tokens = Tokens(give, lambda: now, sleep)
        await tokens.next()
        await asyncio.wait_for(tokens.keep_fresh(), 20)

    asyncio.run(run())
    return asked


def test_the_next_token_is_asked_for_before_the_end() -> None:
    assert renewals([3600, 40, None]) == [0, 3570, 3600]
    assert renewals([None]) == [0], "no end is known"
    assert renewals([-5]) == [0], "the clock is wrong"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.!!.c", "a.e30.c"])
def test_a_token_without_an_end_is_used_until_the_server_closes(token: str) -> None:
    async def run() -> None:
        tokens = Tokens(lambda: token)
        assert await tokens.next() == token
        await asyncio.wait_for(tokens.keep_fresh(), 20)
        assert tokens.after_end(4440, has_answered=True) is Next.AT_ONCE

    asyncio.run(run())


def test_a_stream_goes_on_over_the_end_of_its_tokens(tmp_path: Path) -> None:
    (tmp_path / "reader.keys").write_text(SECRET)
    lives = [4, 3600]

    def ask() -> str:
        return make_token(exp=int(time.time()) + lives.pop(0))

    async def run(served: Served) -> None:
        standings = set()
        async with follow(served.url, "top10", token=ask) as stream:
            view = stream["top10"]
            await stream.until(lambda: view.is_loaded and view.standing.state == "live")

            def is_second() -> bool:
                standings.add(view.standing.state)
                return stream.connections == 2

            await stream.until(is_second)
            await asyncio.to_thread(served.post, 1001, 1002, (1001, 1, ("Zoe", "1")))
            await stream.until(lambda: view.position is not None and view.position.frontier == 1002)
            assert {"user": "Zoe", "count": 1} in view.rows()
            assert standings == {"live"}
        with pytest.raises(FollowError, match="401"):
            async with follow(served.url, "top10") as stream:
                await stream.until(lambda: False)

    keys = str(tmp_path / "reader.keys")
    with FakeEngine() as engine, Served(engine, "--reader-key", keys) as served:
        served.post(900, 1001)
        asyncio.run(run(served))
        assert 'viewstream_disconnects_total{code="4440"' in served.metrics()
