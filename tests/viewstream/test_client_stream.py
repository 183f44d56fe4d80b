"""The asyncio shell of the Python client: backoff, silence, resume, closing codes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until
from tests.support.scripted_stream import ScriptedStream
from viewstream.checksum import checksum
from viewstream.client.dial import SILENCE, dial
from viewstream.client.stream import Stream
from viewstream.client.view import FollowError, Standing
from viewstream.protocol import Base, Column, Delta, Message, Row, Status, encode

EPOCH = "1-u1"
LONGEST_DELAY, LONGEST_ORDERED_DELAY = 30.0, 60.0
COLUMNS = [Column("user", "text"), Column("count", "int8")]
ALICE, BOB = ("Alice", "12"), ("Bob", "9")


def base(upper: int, *rows: Row, view: str = "v", **more: Any) -> Base:
    return Base(view, EPOCH, upper, COLUMNS, rows, **more)


def delta(lower: int, upper: int, *updates: Any, view: str = "v", **more: Any) -> Delta:
    return Delta(view, EPOCH, lower, upper, updates, **more)


@dataclass
class FakeSocket:
    """Plays messages, and then ends or hangs."""

    script: list[Message | str]
    close_code: int | None = None
    close_reason: str | None = None
    closes: list[tuple[int, str]] = field(default_factory=list)
    hang: bool = False

    async def recv(self) -> str | bytes:
        if not self.script and self.hang:
            await asyncio.Event().wait()
        if self.closes or not self.script:
            raise ConnectionClosedOK(None, None)
        message = self.script.pop(0)
        return message if isinstance(message, str) else encode(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closes.append((code, reason))


class OverError(Exception):
    """The script has been played."""


@dataclass
class Stage:
    """Plays one socket (or error) after the other to a Stream, and notes what it does."""

    sockets: list[FakeSocket | Exception]
    urls: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 1000.0
    lasts: float = 0.0

    async def dial(self, url: str, token: str | None = None) -> FakeSocket:
        if not self.sockets:
            raise OverError
        self.urls.append(url)
        self.tokens.append(token)
        socket = self.sockets.pop(0)
        if isinstance(socket, Exception):
            raise socket
        return socket

    def clock(self) -> float:
        self.now += self.lasts
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def play(self, *views: str, **more: Any) -> Stream:
        follower = Stream(
            "http://example.test",
            views or ("v",),
            dial=self.dial,
            clock=self.clock,
            sleep=self.sleep,
            **{"rng": lambda: 1.0, **more},
        )
        with pytest.raises(OverError):
            asyncio.run(follower.run())
        return follower


def test_a_reconnect_resumes_every_view_at_its_position() -> None:
    first = FakeSocket([base(10, ALICE), base(7, BOB, view="w"), delta(10, 20, view="v")])
    stage = Stage([first, FakeSocket([])])
    stage.play("v", "w", "not yet")
    assert stage.urls == [
        "ws://example.test/view/stream?view=v&view=w&view=not%20yet&weights=1",
        "ws://example.test/view/stream?view=v%401-u1%3A20&view=w%401-u1%3A7&view=not%20yet&weights=1",
    ]


def test_the_server_is_asked_for_a_pace() -> None:
    stage = Stage([FakeSocket([])])
    stage.play("v", every=50)
    assert stage.urls == ["ws://example.test/view/stream?view=v&weights=1&every=50"]


def test_a_delta_that_waited_is_dropped_with_its_connection() -> None:
    stage = Stage(
        [FakeSocket([delta(10, 20)]), FakeSocket([Status("v", "stale"), base(10, ALICE)])]
    )
    stream = stage.play()
    assert stream["v"].state.resume == "v@1-u1:10"
    assert stream["v"].state.status is None


def test_a_gap_is_closed_with_4000_and_not_resumed() -> None:
    first = FakeSocket([base(10, ALICE), delta(11, 20)])
    stage = Stage([first, FakeSocket([])])
    follower = stage.play()
    assert first.closes[0] == (4000, "a delta begins at 11, the frontier is 10")
    assert stage.urls[1].endswith("?view=v&weights=1")
    assert follower.closed_with == [4000]
    assert list(follower.states["v"].list_rows()) == [ALICE]


def test_a_gap_of_one_view_lets_the_others_resume() -> None:
    first = FakeSocket([base(10), base(7, view="w"), delta(11, 20)])
    stage = Stage([first, FakeSocket([])])
    stage.play("v", "w")
    assert stage.urls[1].endswith("?view=v&view=w%401-u1%3A7&weights=1")


def test_a_wrong_checksum_is_closed_with_4001_until_it_is_the_third() -> None:
    def wrong() -> FakeSocket:
        return FakeSocket([base(10, ALICE, checksum=1)])

    stage = Stage([wrong(), wrong(), wrong()])
    follower = stage.play()
    assert follower.closed_with == [4001, 4001]
    assert follower.states["v"].is_unverified
    assert list(follower.states["v"].list_rows()) == [ALICE]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "\x00", '{"type":"base"}', '{"type":"delta","view":"v","lower":"1"}'],
)
def test_an_invalid_message_closes_with_4000(text: str) -> None:
    first = FakeSocket([base(10, ALICE), text])
    stage = Stage([first, FakeSocket([])])
    stage.play()
    assert first.closes[0][0] == 4000
    assert stage.urls[1].endswith("?view=v&weights=1")


def test_a_long_reason_fits_a_close_frame() -> None:
    first = FakeSocket([base(10), delta(10, 20, (10, 1, ("é" * 500,)))])
    Stage([first]).play()
    code, reason = first.closes[0]
    assert code == 4000
    assert 100 < len(reason.encode()) <= 123


def test_waits_grow_with_full_jitter_up_to_a_bound() -> None:
    stage = Stage([OSError("nobody there") for _ in range(9)])
    stage.play()
    assert stage.pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_DELAY, LONGEST_DELAY, LONGEST_DELAY]


def test_a_view_that_is_connecting_has_the_reason_of_the_last_failure() -> None:
    stage = Stage([OSError(111, "nobody there"), TimeoutError(), FakeSocket([base(1)])])
    found: list[Standing] = []

    async def sleep(seconds: float) -> None:
        found.append(stream["v"].standing)

    stream = Stream("http://example.test", ["v"], dial=stage.dial, sleep=sleep)
    with pytest.raises(OverError):
        asyncio.run(stream.run())
    assert found == [
        ("connecting", "cannot connect to the server: nobody there"),
        ("connecting", "cannot connect to the server: TimeoutError"),
        ("connecting", ""),
    ]


def test_waits_begin_small_again_after_a_connection_that_lasted() -> None:
    stage = Stage([OSError(), OSError(), FakeSocket([base(1)]), FakeSocket([])], lasts=6.0)
    stage.play()
    assert stage.pauses == [0.5, 1, 0.5, 1]


def test_a_connection_that_ends_at_once_does_not_make_waits_small() -> None:
    stage = Stage([FakeSocket([base(1), delta(5, 6)]) for _ in range(3)], lasts=0.1)
    stage.play()
    assert stage.pauses == [0.5, 1, 2]


def test_the_server_may_say_when_to_come_back() -> None:
    told = FakeSocket([base(1)], close_code=1001, close_reason="retry=12.5")
    nonsense = FakeSocket([], close_code=1001, close_reason="retry=soon")
    stage = Stage([told, nonsense])
    stage.play()
    assert stage.pauses == [12.5, 1]


def test_a_server_cannot_send_a_client_away_for_long() -> None:
    stage = Stage([FakeSocket([base(1)], close_code=1001, close_reason="retry=9999")])
    stage.play()
    assert stage.pauses == [LONGEST_ORDERED_DELAY]


@pytest.mark.parametrize("reason", ["retry=", "retry=-1", "retry=12345", "retry=1e3", "x retry=9"])
def test_an_order_that_makes_no_sense_is_ignored(reason: str) -> None:
    stage = Stage([FakeSocket([base(1)], close_code=1001, close_reason=reason)])
    stage.play()
    assert stage.pauses == [0.5]


def test_each_delay_is_drawn_again() -> None:
    numbers = iter([0.1, 0.9, 0.5])
    stage = Stage([OSError() for _ in range(3)])
    stage.play(rng=lambda: next(numbers))
    assert stage.pauses == [0.05, 0.9, 1.0]


def test_silence_ends_a_connection() -> None:
    quiet = FakeSocket([base(10)], hang=True)
    stage = Stage([quiet, FakeSocket([])])
    stage.play(silence=0.05)
    assert quiet.closes == [(1000, "")]
    assert stage.urls[1].endswith("?view=v%401-u1%3A10&weights=1")


def test_a_view_that_was_not_asked_for_is_left_alone() -> None:
    follower = Stage([FakeSocket([base(10, ALICE, view="other"), base(3, BOB)])]).play()
    assert list(follower.states) == ["v"]
    assert follower.closed_with == []


def test_on_change_gets_each_consistent_point_and_the_changed_rows() -> None:
    told: list[tuple[int | None, int, dict[Row, int]]] = []
    script = [base(10, ALICE), Status("v", "stale"), delta(10, 20, (12, 1, BOB)), delta(5, 20)]
    Stage([FakeSocket(list(script))]).play(
        on_change=lambda state, change: told.append((change.lower, change.upper, dict(change.rows)))
    )
    assert told == [(None, 10, {ALICE: 1}), (10, 20, {BOB: 1})]


@asynccontextmanager
async def following(stream: ScriptedStream, *views: str) -> AsyncIterator[Stream]:
    follower = Stream(stream.url, views, rng=lambda: 0.0)
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def in_thread(action: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(action)


def over_a_real_socket(play: Callable[[ScriptedStream], Awaitable[None]]) -> None:
    with ScriptedStream() as stream:
        asyncio.run(play(stream))  # type: ignore[arg-type]


def test_over_a_real_socket_a_cut_connection_is_resumed() -> None:
    async def play(stream: ScriptedStream) -> None:
        async with following(stream, "v") as follower:
            state = follower.states["v"]
            first = await in_thread(lambda: stream.connection(0))
            await in_thread(lambda: first.send(base(10, ALICE, checksum=checksum([(1, ALICE)]))))
            await follower.until(lambda: state.resume == "v@1-u1:10")
            await in_thread(first.cut)
            second = await in_thread(lambda: stream.connection(1))
            assert second.views == ["v@1-u1:10"]
            await in_thread(lambda: second.send(delta(10, 30, (29, 1, BOB), folded=True)))
            await follower.until(lambda: state.resume == "v@1-u1:30")
            assert sorted(state.list_rows()) == [ALICE, BOB]
            await in_thread(lambda: second.send(delta(31, 32)))
            assert await in_thread(second.wait_closed) == 4000

    over_a_real_socket(play)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_for_good_ends_it(status: int) -> None:
    async def play(stream: ScriptedStream) -> None:
        stream.refuse_with = status
        with pytest.raises(FollowError, match=rf"{status}: .*refused by the script"):
            await Stream(stream.url, ["v"]).run()

    over_a_real_socket(play)


def test_a_refusal_for_now_is_asked_again() -> None:
    async def play(stream: ScriptedStream) -> None:
        stream.refuse_with = 503
        async with following(stream, "v") as follower:
            await in_thread(lambda: wait_until(lambda: stream.refused >= 3, "three refusals"))
            stream.refuse_with = None
            connection = await in_thread(lambda: stream.connection(0))
            await in_thread(lambda: connection.send(json.dumps({"type": "status", "view": "v"})))
            assert await in_thread(connection.wait_closed) == 4000
            assert follower.closed_with == [4000]

    over_a_real_socket(play)


def test_the_end_of_a_connection_wakes_those_who_wait() -> None:
    async def play(stream: ScriptedStream) -> None:
        async with following(stream, "v") as follower:
            view = follower["v"]
            first = await in_thread(lambda: stream.connection(0))
            await in_thread(lambda: first.send(base(10, ALICE)))
            await follower.until(lambda: view.standing.state == "live")
            stream.refuse_with = 503  # so that nothing but the end is heard
            await in_thread(first.cut)
            await follower.until(lambda: view.standing.state == "connecting")
            assert follower.connections == 1

    over_a_real_socket(play)


def test_the_documented_silence_is_the_default() -> None:
    assert SILENCE == 15.0


def test_messages_are_compressed_without_context_takeover() -> None:
    """Each message by itself, so that the server compresses it once for all clients."""

    async def open_one(url: str) -> list[Any]:
        connection = await dial(url.replace("http", "ws") + "/view/stream?view=top10")
        try:
            return list(connection.protocol.extensions)  # type: ignore[attr-defined]
        finally:
            await connection.close()

    with FakeEngine() as engine, Served(engine) as served:
        (deflate,) = asyncio.run(open_one(served.url))
    assert deflate.remote_no_context_takeover
    assert deflate.local_no_context_takeover
