"""ALTER .. RENAME: names change, what was made of them goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.coordinator import EngineOptions
from engine.errors import SqlError
from engine.tests.coordinator.support import Engine

MADE = (
    "CREATE TABLE t (a int, b text)",
    "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
    'CREATE VIEW plain AS SELECT t.a, (SELECT count(*) FROM public."t" AS u) AS n FROM t, t AS v'
    " WHERE v.a = t.a",
    "CREATE MATERIALIZED VIEW kept AS SELECT plain.a + 1 AS a FROM plain",
    "CREATE INDEX i ON t (a)",
)
RENAMES = (
    'ALTER TABLE t RENAME TO "New t"',
    "ALTER VIEW public.plain RENAME TO other",
    "ALTER MATERIALIZED VIEW kept RENAME TO stored",
    "ALTER INDEX i RENAME TO j",
)


@pytest.mark.parametrize("restarted", [False, True])
def test_everything_goes_on(tmp_path: Path, restarted: bool) -> None:
    async def check(engine: Engine) -> None:
        await engine.run("INSERT INTO \"New t\" VALUES (3, 'z')")
        assert await engine.rows("SELECT a FROM stored ORDER BY a") == [(2,), (3,), (4,)]
        assert await engine.rows("SELECT a, n FROM other ORDER BY a") == [(1, 3), (2, 3), (3, 3)]
        names = await engine.rows("SELECT name FROM mz_objects WHERE id LIKE 'u%' ORDER BY name")
        assert names == [("New t",), ("j",), ("kept_primary_idx",), ("other",), ("stored",)]
        assert await engine.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'New t'") == [
            ("j",)
        ]
        for gone in ("t", "plain", "kept"):
            with pytest.raises(SqlError, match=f"unknown catalog item '{gone}'"):
                await engine.rows(f"SELECT * FROM {gone}")
        await engine.run('DROP TABLE "New t" CASCADE', MADE[0])

    async def scenario() -> None:
        options = EngineOptions(data=tmp_path)
        async with Engine(options) as engine:
            await engine.run(*MADE)
            for sql in RENAMES:
                assert (await engine.run(sql)).startswith("ALTER ")
            if not restarted:
                await check(engine)
                return
        async with Engine(options) as engine:
            await check(engine)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("ALTER TABLE t RENAME TO plain", "catalog item 'plain' already exists"),
        ("ALTER VIEW t RENAME TO x", "is a table, not a view"),
        ("ALTER TABLE nothing RENAME TO x", "unknown catalog item 'nothing'"),
        ("ALTER TABLE mz_objects RENAME TO x", "cannot be modified"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE .. RENAME is not supported"),
        ("ALTER TABLE t ADD COLUMN c int", "ALTER TABLE .. ADD is not supported"),
        ("ALTER SCHEMA public RENAME TO x", "ALTER SCHEMA .. RENAME is not supported"),
        ("ALTER SYSTEM SET a = 1", "ALTER SYSTEM is not supported"),
    ],
)
def test_what_cannot_be_renamed(sql: str, message: str) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(*MADE)
            with pytest.raises(SqlError, match=message):
                await engine.run(sql)
            assert await engine.rows("SELECT a FROM kept ORDER BY a") == [(2,), (3,)]

    asyncio.run(scenario())


def test_a_name_that_a_with_hides_is_not_renamed() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                "CREATE TABLE t (a int)",
                "CREATE VIEW v AS WITH t AS (SELECT a FROM t) SELECT a FROM t",
            )
            with pytest.raises(SqlError, match="hides by WITH"):
                await engine.run("ALTER TABLE t RENAME TO u")
            assert await engine.run("ALTER TABLE IF EXISTS nothing RENAME TO u") == "ALTER TABLE"

    asyncio.run(scenario())
