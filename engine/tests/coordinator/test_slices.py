"""Large changes are processed in slices, between which the event loop runs; large views end."""

import asyncio
from collections.abc import Awaitable

import pytest

from engine.coordinator import limits
from engine.errors import SqlError
from engine.tests.coordinator.support import Engine, wait_for


async def turns(work: Awaitable[object]) -> int:
    """The number of turns that another task gets while the work goes on."""
    task = asyncio.ensure_future(work)
    count = 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    task.result()
    return count


def test_a_write_into_a_large_join_gives_way_to_others() -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                "CREATE TABLE t (a int)",
                "CREATE TABLE u (b int)",
                "INSERT INTO t SELECT * FROM generate_series(1, 1500)",
                "CREATE MATERIALIZED VIEW v AS SELECT count(a + b) AS n FROM t, u",
                "CREATE MATERIALIZED VIEW w AS SELECT n + 1 AS m FROM v",
            )
            assert await engine.rows("SELECT * FROM w") == [(1,)]
            insert = engine.run("INSERT INTO u SELECT * FROM generate_series(1, 500)")
            assert await turns(insert) > 50
            assert await engine.rows("SELECT n, m FROM v, w") == [(750_000, 750_001)]
            await engine.run("DELETE FROM u WHERE b > 1")
            assert await engine.rows("SELECT n, m FROM v, w") == [(1500, 1501)]

    asyncio.run(scenario())


def test_a_view_that_is_created_during_a_large_write_is_exact() -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                "CREATE TABLE t (a int)",
                "CREATE MATERIALIZED VIEW v AS SELECT count(x.a + y.a) AS n FROM t AS x, t AS y",
            )
            insert = asyncio.create_task(
                engine.run("INSERT INTO t SELECT * FROM generate_series(1, 700)")
            )
            # The reads' dataflows are hydrated while the graph processes the insert.
            subscriptions = []
            for number in range(40):
                await asyncio.sleep(0)
                subscriptions.append(
                    await engine.tail(f"SELECT count(*) + {number} FROM t", progress=True)
                )
            await insert
            assert await engine.rows("SELECT * FROM v") == [(490_000,)]
            for number, tail in enumerate(subscriptions):
                assert await tail.until(engine.coordinator.now) == {(700 + number,): 1}

    asyncio.run(scenario())


def test_an_update_of_many_rows_gives_way_to_others() -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                "CREATE TABLE t (a int, b text NOT NULL)",
                "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 20000) AS n",
            )
            assert await turns(engine.run("UPDATE t SET b = 'y' || a WHERE a > 5")) > 20
            assert await engine.rows("SELECT count(*), max(b) FROM t") == [(20_000, "y9999")]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_ROWS", 1000, "'v' exceeds max size of 1000 rows"),
        ("MAX_BYTES", 1 << 20, "'v' exceeds max size of 1 MiB"),
        ("MAX_STATE_ROWS", 150, "the state of 'v' exceeds max size of 150 rows"),
    ],
)
def test_a_view_that_grows_too_large_ends_and_says_so(
    limit: str, value: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                "CREATE TABLE t (a int)",
                "CREATE MATERIALIZED VIEW v AS SELECT x.a, y.a AS b FROM t AS x, t AS y",
                "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t",
                "INSERT INTO t SELECT * FROM generate_series(1, 20)",
            )
            assert len(await engine.rows("SELECT * FROM v")) == 400
            monkeypatch.setattr(limits, limit, value)
            monkeypatch.setattr("engine.coordinator.maintained.STEPS_BETWEEN_CHECKS", 1)
            await engine.run("INSERT INTO t SELECT * FROM generate_series(21, 200)")
            with pytest.raises(SqlError, match=message) as caught:
                await engine.rows("SELECT * FROM v")
            assert caught.value.code == "54000"
            assert await engine.rows("SELECT * FROM n") == [(200,)]
            errors = "SELECT name, error FROM mz_evaluation_errors"

            async def published() -> bool:
                return await engine.rows(errors) == [("v", message)]

            await wait_for(published, "the error of the view")

    asyncio.run(scenario())
