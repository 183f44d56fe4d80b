"""SUBSCRIBE: as TAIL, with what today's Materialize adds to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import SqlError
from engine.tests.coordinator.support import COUNTS, Engine, append, source_sql


def test_the_first_row_is_a_progress_row_at_the_as_of(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            base = (await engine.peek("SELECT * FROM v")).time
            for snapshot in (True, False):
                options = {"snapshot": snapshot, "progress": True, "as_of": base}
                tail = await engine.tail("v", verb="SUBSCRIBE", **options)
                await tail.until(base + 1)
                assert tail.got[0][:2] == (base, True)
                assert [row.time for row in tail.updates] == [base] * (2 if snapshot else 0)
                tail.check_order()

    asyncio.run(scenario())


def test_it_ends_at_up_to(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            base = (await engine.peek("SELECT * FROM v")).time
            options = {"verb": "SUBSCRIBE", "as_of": base}
            end = base + 300
            tail = await engine.tail("v", progress=True, up_to=end, **options)
            later = await engine.tail("v", progress=True, **options)
            while not later.got or later.got[-1].time <= end:
                append(words, "a")
                await later.read()
            assert await tail.to_end() == later.sum(end - 1)
            assert tail.got[-1][:2] == (end, True)
            nothing = await engine.tail("v", up_to=base, **options)
            assert await nothing.to_end() == {}
            with pytest.raises(SqlError, match="is greater than its upper bound"):
                await engine.tail("v", up_to=base - 1, **options)

    asyncio.run(scenario())


def test_a_constant_has_the_time_of_the_as_of() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            now = engine.coordinator.now
            tail = await engine.tail("SELECT 1", verb="SUBSCRIBE", progress=True, as_of=now)
            assert await tail.to_end() == {(1,): 1}
            assert [row[:2] for row in tail.got] == [(now, True), (now, False)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("what", "drop"),
    [
        ("v", "DROP VIEW v"),
        ("SELECT * FROM plain", "DROP VIEW plain"),
        ("SELECT * FROM plain", "DROP SOURCE s CASCADE"),
        ("v", "CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 1"),
    ],
)
def test_it_ends_when_what_it_reads_is_dropped(words: Path, what: str, drop: str) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                f"CREATE VIEW plain AS {COUNTS}",
            )
            subscribed = await engine.tail(what, verb="SUBSCRIBE", progress=True)
            tail = await engine.tail(what, progress=True)
            await engine.run(drop)
            with pytest.raises(SqlError, match=r"relation 'materialize.public.\w+' was dropped"):
                while True:
                    await subscribed.read()
            before = len(tail.progress)
            while len(tail.progress) < before + 3:
                await tail.read()

    asyncio.run(scenario())
