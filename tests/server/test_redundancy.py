"""Two pipelines into one server, and two servers behind one address: either half may die."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.server.balancers import nginx, tcp_balancer
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.following import following
from tests.support.processes import wait_until
from viewstream.client.state import ViewState, receive
from viewstream.protocol import Base, Delta, Position, Row, Update

Balancer = Callable[[Sequence[str], Path], AbstractContextManager[str]]

BALANCERS = pytest.mark.parametrize("balancer", [nginx, tcp_balancer])


class History:
    """One row a millisecond, which both pipelines post, each cut in its own way."""

    def __init__(self, served: Sequence[Served]) -> None:
        self.served = list(served)
        self.rows: list[Row] = []

    def updates(self, lower: int, upper: int) -> list[Update]:
        return [(time, 1, (f"row {time}", "1")) for time in range(lower, upper)]

    def post(self, served: Served, lower: int, upper: int) -> None:
        assert served.post(lower, upper, *self.updates(lower, upper)).status_code in (200, 409)


def test_either_of_two_pipelines_can_die(served: Served) -> None:
    history = History([served])
    history.post(served, 1001, 1001)
    watcher = served.open()
    frontier = watcher.base().upper
    one = threading.Thread(
        target=lambda: [history.post(served, n, n + 7) for n in range(1001, 1200, 7)]
    )
    other = threading.Thread(
        target=lambda: [history.post(served, max(1001, n - 3), n + 5) for n in range(1001, 1300, 5)]
    )
    for thread in (one, other):
        thread.start()
    seen: list[Update] = []
    while frontier < 1300:
        delta = watcher.delta()
        assert delta.lower == frontier, "not adjacent"
        frontier = delta.upper
        seen += delta.updates
    assert [row for _, _, row in seen] == [row for _, _, row in history.updates(1001, frontier)]
    for thread in (one, other):
        thread.join()


@BALANCERS
def test_a_client_moves_between_servers(
    engine: FakeEngine, balancer: Balancer, tmp_path: Path
) -> None:
    """It takes its epoch and frontier along, and never sees a base again."""
    calm = ("--stale-after", "600")  # no audit whenever the head rests: reads are counted
    with Served(engine, *calm) as left, Served(engine, *calm) as right:
        for served in (left, right):
            served.post(1001, 1001)
        with balancer([left.url, right.url], tmp_path) as url:
            asyncio.run(_move(engine, left, right, url))


async def _move(engine: FakeEngine, left: Served, right: Served, url: str) -> None:
    history = History([left, right])
    base: list[Row] = list(engine.rows)

    def rows(upper: int) -> list[Row]:
        return base + [row for _, _, row in history.updates(1001, upper)]

    async with following(url, "top10") as witness:
        await witness.until_rows("top10", *base)
        # Its server dies in the middle; the other is behind, and catches up.
        for served, upper in ((left, 1010), (right, 1008)):
            await asyncio.to_thread(history.post, served, 1001, upper)
        await witness.until(lambda: len(witness.rows("top10")) >= 9)
        serving = next(one for one in (left, right) if one.get("/healthz")["clients"])
        other = right if serving is left else left
        serving.process.kill()
        await asyncio.to_thread(history.post, other, 1001, 1020)
        await witness.until_rows("top10", *rows(1020))
        await asyncio.to_thread(history.post, other, 1020, 1030)
        await witness.until_rows("top10", *rows(1030))
        assert witness.follower.connections >= 2
        assert engine.reads <= 4
        assert not witness.follower.closed_with


@pytest.mark.parametrize("head", [1008, 1010, 1020])
def test_a_part_resumes_at_a_server_that_is_behind_level_or_ahead(
    engine: FakeEngine, head: int
) -> None:
    """The part is not open there: its log begins at the head, and so may need a base."""
    part = "top10[user=Bob]"
    changes: list[Update] = [(time, 1, ("Bob", str(time))) for time in (1005, 1009, 1015, 1025)]

    def post(served: Served, lower: int, upper: int) -> None:
        served.post(lower, upper, *(one for one in changes if lower <= one[0] < upper))

    options = ("--part", "top10:user")
    with Served(engine, *options) as left, Served(engine, *options) as right:
        state = ViewState(part)
        post(left, 900, 1001)
        client = left.open(part)
        receive(state, client.base())
        post(left, 1001, 1010)
        while state.position != Position(engine.epoch, 1010):
            receive(state, client.next_rows())
        post(right, 900, head)
        wait_until(lambda: right.health()["base_reads"], "the columns to be known")
        engine.rows = [*engine.rows, *(row for time, _, row in changes if time < 1020)]
        engine.time = "1019"
        state.disconnect()
        client = right.open(f"{part}@{engine.epoch}:1010")
        first = client.next_rows()
        assert isinstance(first, Base if head > 1010 else Delta)
        receive(state, first)
        post(right, head, 1030)
        while state.position != Position(engine.epoch, 1030):
            message = client.next_rows()
            assert isinstance(message, Delta)
            assert message.lower == state.position.frontier  # type: ignore[union-attr]
            receive(state, message)
        assert state.rows == {("Bob", "9"): 1, **{row: 1 for _, _, row in changes}}


def test_a_post_through_a_proxy_needs_a_token(engine: FakeEngine, tmp_path: Path) -> None:
    with Served(engine) as served, nginx([served.url], tmp_path) as url:
        for proxy in (url, url + "/plain"):
            served.url = proxy
            assert served.post(5, 5).status_code == 403
