"""From events in a file to rows in a client, through all processes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.whole import VIEWS, Whole
from tests.support.following import Witness, following
from tests.support.processes import ROOT
from tests.support.shared import EVENTS, shared

SAMPLE = ROOT / "tests" / "scripts" / "sources" / "data" / "recentchange.ndjson"
WAYS = ("pipes", "tail")
KILLED = {
    "pipes": ("tail_view", "post_deltas", "pipeline", "server", "source"),
    "tail": ("server", "source"),
}


@pytest.fixture(params=WAYS)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, way=request.param) as pipeline:
        yield pipeline


@pytest.mark.parametrize("kind", ["sample", "real"])
def test_events_become_rows(whole: Whole, kind: str) -> None:
    events = SAMPLE if kind == "sample" else shared(EVENTS)

    async def follow() -> None:
        async with following(whole.url, *VIEWS) as early:
            await asyncio.to_thread(whole.replay, events)
            await whole.until_exact(early)
            async with following(whole.url, *VIEWS) as late:
                await whole.until_exact(late)

    asyncio.run(follow())


def test_lines_that_are_no_events_change_nothing(whole: Whole) -> None:
    async def follow() -> None:
        async with following(whole.url, *VIEWS) as client:
            with whole.file.open("ab") as file:
                file.write(b'data: {"user":"torn torn\n:ok\nid: 5\n\n\xff\xfe\ndata: [1]\n')
            await asyncio.to_thread(whole.replay, SAMPLE)
            await whole.until_exact(client)

    asyncio.run(follow())


def test_rows_at_the_frontier_are_those_of_the_select(whole: Whole) -> None:
    async def follow() -> None:
        async with following(whole.url, *VIEWS) as client:
            whole.generate(seed=1)
            for _ in range(5):
                await until_counter_grows(client)
                await whole.prove(client)
            whole.stop_source()
            await whole.until_exact(client)
        # Each view had enough points for the proof to mean something.
        assert all(len(points) > 10 for points in client.points.values())

    asyncio.run(follow())


@pytest.mark.parametrize(
    ("whole", "name"),
    [(way, name) for way in WAYS for name in KILLED[way]],
    indirect=["whole"],
)
def test_killed_processes_lose_nothing(whole: Whole, name: str) -> None:
    """Each is killed twice while events flow."""

    async def follow() -> None:
        async with following(whole.url, *VIEWS) as client:
            whole.generate(seed=2)
            for attempt in range(2):
                await until_counter_grows(client)
                await asyncio.to_thread(whole.kill, name)
                if name == "source":
                    whole.generate(seed=3 + attempt)
                elif name in whole.processes:
                    await asyncio.to_thread(whole.start, name)
            await until_counter_grows(client)
            whole.stop_source()
            await whole.until_exact(client)

    asyncio.run(follow())


@pytest.mark.parametrize("way", WAYS)
def test_a_restart_of_the_engine_begins_a_new_history(way: str, tmp_path: Path) -> None:
    """It reads its file again and gives everything new times: nothing may be there twice."""

    async def follow(whole: Whole) -> None:
        async with following(whole.url, *VIEWS) as client:
            whole.generate(seed=4)
            for _ in range(2):
                await until_counter_grows(client)
                epoch = client.points["counter"][-1][0]
                await asyncio.to_thread(whole.kill, "engine")
                await asyncio.to_thread(whole.start, "engine")
                await client.until(lambda e=epoch: are_restarted(client, e))
            whole.stop_source()
            await whole.until_exact(client)

    with Whole(tmp_path, "--logical-compaction-window", "1h", way=way) as whole:
        asyncio.run(follow(whole))


def are_restarted(client: Witness, epoch: str) -> bool:
    """Return whether the epoch of every view is of a later start of the engine than `epoch`."""
    start = epoch.partition("-")[0]
    return all(points[-1][0].partition("-")[0] > start for points in client.points.values())


async def until_counter_grows(client: Witness) -> None:
    """Wait until the counter has grown by a hundred."""

    def count() -> int:
        return sum(int(row[0] or 0) for row in client.rows("counter"))

    start = count()
    await client.until(lambda: client.follower.states["counter"].position and count() > start + 100)
