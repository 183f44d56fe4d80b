"""A restart with a data folder: the catalog, the rows of tables, and times that go on."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from pathlib import Path

import psycopg2
import pytest

from engine.coordinator import EngineOptions
from engine.coordinator.timeline import RESERVED
from engine.errors import SqlError
from engine.tests.coordinator.support import COUNTS, Engine, append, source_sql, wait_for
from engine.tests.support.processes import start_engine, wait_until


def test_catalog_and_rows_come_back(tmp_path: Path, words: Path) -> None:
    options = EngineOptions(data=tmp_path / "data")

    async def before() -> list:
        async with Engine(options) as engine:
            await engine.run(
                source_sql(words),
                "CREATE TABLE t (a text, b numeric NOT NULL, c jsonb, d timestamptz)",
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE VIEW plain (x) AS SELECT word FROM s",
                "CREATE MATERIALIZED VIEW on_table AS SELECT sum(b) AS total FROM t",
                "CREATE TABLE gone (a int)",
                "DROP TABLE gone",
                "CREATE MATERIALIZED VIEW no_index AS SELECT 1 AS a",
                "DROP INDEX no_index_primary_idx",
                """INSERT INTO t VALUES ('x', 1.10, '{"b": [1, null], "a": "ü"}', now()),
                   (NULL, -2, NULL, NULL), (NULL, -2, NULL, NULL)""",
                "DELETE FROM t WHERE a = 'nix'",
            )
            return [
                await engine.rows("SELECT id, name, type FROM mz_objects ORDER BY id"),
                sorted(await engine.texts("SELECT * FROM t")),
                await engine.rows("SELECT name, definition FROM mz_views ORDER BY name"),
            ]

    async def after() -> list:
        append(words, "later")
        async with Engine(options) as engine:
            assert sorted(await engine.rows("SELECT * FROM v")) == [
                ("a", 2),
                ("b", 1),
                ("later", 1),
            ]
            assert await engine.texts("SELECT * FROM on_table") == [["-2.9"]]
            with pytest.raises(SqlError, match="null value"):
                await engine.run("INSERT INTO t VALUES ('y')")
            with pytest.raises(SqlError, match="already exists"):
                await engine.run("CREATE VIEW plain AS SELECT 1 AS a")
            return [
                await engine.rows("SELECT id, name, type FROM mz_objects ORDER BY id"),
                sorted(await engine.texts("SELECT * FROM t")),
                await engine.rows("SELECT name, definition FROM mz_views ORDER BY name"),
            ]

    assert asyncio.run(before()) == asyncio.run(after())


def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    async def create() -> str:
        async with Engine(data=tmp_path) as engine:
            await engine.run("CREATE TABLE t (a int)")
            id = engine.coordinator.resolver.resolve(("t",)).id
            await engine.run("DROP TABLE t")
            return id

    assert len({asyncio.run(create()) for _ in range(3)}) == 3


@pytest.mark.parametrize("jump", [-3_600_000, 0, 3_600_000])
def test_times_go_on_also_when_the_clock_was_set(tmp_path: Path, jump: int) -> None:
    async def times(offset: int) -> tuple[int, int]:
        engine = Engine(data=tmp_path)
        engine.world.offset = offset
        async with engine:
            await engine.run("CREATE TABLE IF NOT EXISTS t (a int)", "INSERT INTO t VALUES (1)")
            first = (await engine.peek("SELECT * FROM t")).time
            await engine.run("INSERT INTO t VALUES (1)")
            return first, engine.coordinator.now

    last = 0
    for offset in (0, jump, 0):
        first, now = asyncio.run(times(offset))
        assert last < first < now
        last = now


def test_a_tables_history_reaches_back_over_the_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Engine(data=tmp_path) as engine:
            await engine.run("CREATE TABLE t (a int)")
            times = []
            for number in range(4):
                await engine.run(f"INSERT INTO t VALUES ({number})")
                times.append(engine.coordinator.now)
        async with Engine(data=tmp_path) as engine:
            for count, time in enumerate(times, 1):
                assert len(await engine.rows("SELECT * FROM t", as_of=time)) == count
            await engine.run("DELETE FROM t")
            assert len(await engine.rows("SELECT * FROM t", as_of=times[2])) == 3

    asyncio.run(scenario())


def test_a_file_is_read_again_and_was_empty_before(tmp_path: Path, words: Path) -> None:
    """So a TAIL as of a time before the restart is accepted, and gives every row once more."""

    async def scenario() -> None:
        async with Engine(data=tmp_path / "data") as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            old = (await engine.peek("SELECT * FROM v")).time
        async with Engine(data=tmp_path / "data") as engine:
            tail = await engine.tail("v", snapshot=False, progress=True, as_of=old)
            new = (await engine.peek("SELECT * FROM v")).time
            assert await tail.until(new) == {("a", 2): 1, ("b", 1): 1}
            assert await engine.rows("SELECT * FROM v", as_of=old) == []

    asyncio.run(scenario())


def test_a_missing_file_stops_nothing_else(
    tmp_path: Path, words: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Engine(data=tmp_path / "data") as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE TABLE t (a int)",
            )
        words.rename(tmp_path / "elsewhere")  # noqa: ASYNC240 -- a moment in a test
        async with Engine(data=tmp_path / "data") as engine:
            assert await engine.rows("SELECT * FROM v") == []
            await engine.run("INSERT INTO t VALUES (1)")
            (tmp_path / "elsewhere").rename(words)

            async def is_back() -> bool:
                return sorted(await engine.rows("SELECT * FROM v")) == [("a", 2), ("b", 1)]

            await wait_for(is_back, "the file is read when it is there")

    asyncio.run(scenario())
    assert "No such file" in caplog.text


def test_what_is_stored_of_a_table_does_not_grow_with_its_changes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Engine(data=tmp_path, history_window=1, tick=10) as engine:
            await engine.run(
                "CREATE TABLE t (a int)", "INSERT INTO t SELECT * FROM generate_series(1, 3000)"
            )
            for _ in range(5):
                await engine.run("UPDATE t SET a = a + 1")
                engine.world.pass_time(1)
            store = engine.coordinator._runtime.store
            id = engine.coordinator.resolver.resolve(("t",)).id

            async def is_summed_up() -> bool:
                engine.world.pass_time(1)
                return sum(len(stored.updates) for stored in store.updates(id)) < 30_000

            await wait_for(is_summed_up, "old updates are summed up")
            assert await engine.texts("SELECT count(*), sum(a) FROM t") == [["3000", "4516500"]]
        async with Engine(data=tmp_path) as engine:
            assert await engine.texts("SELECT count(*), sum(a) FROM t") == [["3000", "4516500"]]

    asyncio.run(scenario())


def test_after_an_end_in_good_order_time_is_not_ahead(tmp_path: Path) -> None:
    async def now() -> tuple[int, int]:
        engine = Engine(data=tmp_path)
        async with engine:
            return engine.coordinator.now, engine.world.clock()

    asyncio.run(now())
    time, clock = asyncio.run(now())
    assert time <= clock + 1000 < clock + RESERVED


def test_the_folder_is_for_one_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Engine(data=tmp_path):
            with pytest.raises(SqlError, match="in use by another engine"):
                Engine(data=tmp_path)

    asyncio.run(scenario())


def test_kill_9_during_ddl_and_insert_loses_nothing_that_was_told(tmp_path: Path) -> None:
    """Each round writes until the engine dies; what it had acknowledged must be there."""
    chance = random.Random(3)
    rows, views, last_time = 0, 0, 0
    for _ in range(4):
        engine, dsn = start_engine("--data", tmp_path / "data")
        with engine:
            connection = psycopg2.connect(dsn)
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE IF NOT EXISTS t (a int, b int)")
            cursor.execute("SELECT count(*), count(DISTINCT a) FROM t")
            [(found, distinct)] = cursor.fetchall()
            assert found == 2 * distinct
            assert rows <= distinct <= rows + 1
            cursor.execute("SELECT count(*) FROM mz_views")
            [(found_views,)] = cursor.fetchall()
            assert views <= found_views <= views + 1
            for number in range(found_views):
                cursor.execute(f"SELECT * FROM v{number}")
                assert cursor.fetchall() == [(found,)]
            cursor.execute("SELECT mz_logical_timestamp(), a FROM t LIMIT 1")
            if times := cursor.fetchall():
                assert int(times[0][0]) > last_time
            rows, views = distinct, found_views
            timer = threading.Timer(chance.uniform(0.02, 0.2), engine.send, [signal.SIGKILL])
            timer.start()
            with pytest.raises(psycopg2.Error):
                while True:
                    cursor.execute("INSERT INTO t VALUES (%s, 1), (%s, 2)", (rows, rows))
                    rows += 1
                    if rows % 7 == 0:
                        cursor.execute(
                            f"CREATE MATERIALIZED VIEW v{views} AS SELECT count(*) AS n FROM t"
                        )
                        views += 1
            timer.join()
            wait_until(lambda engine=engine: engine.popen.poll() is not None, "the engine's end")
            connection.close()
    assert rows > 0


def test_a_schema_survives(tmp_path: Path) -> None:
    async def scenario() -> None:
        options = EngineOptions(data=tmp_path)
        async with Engine(options) as engine:
            await engine.run("CREATE SCHEMA other", "CREATE TABLE other.t (a int)")
            await engine.run("INSERT INTO other.t VALUES (1)")
        async with Engine(options) as engine:
            assert await engine.rows("SELECT a FROM other.t") == [(1,)]
            await engine.run("DROP SCHEMA other CASCADE")
        async with Engine(options) as engine:
            with pytest.raises(SqlError, match="unknown schema 'other'"):
                await engine.rows("SELECT a FROM other.t")

    asyncio.run(scenario())


def test_a_disk_that_takes_nothing_is_logged_once_and_costs_no_line(
    tmp_path: Path, words: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Engine(EngineOptions(data=tmp_path / "data", tick=10)) as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE TABLE t (a int)",
            )
            assert len(await engine.rows("SELECT * FROM v")) == 2
            database = engine.coordinator._runtime.store._database  # type: ignore[attr-defined]
            database.execute("PRAGMA query_only = ON")
            engine.world.pass_time(2 * RESERVED / 1000)
            append(words, "c", "c")

            async def is_logged() -> bool:
                return "could not write to the data folder" in caplog.text

            await wait_for(is_logged, "the log")
            for _ in range(2):
                with pytest.raises(SqlError, match="could not write to the data folder") as caught:
                    await engine.run("INSERT INTO t VALUES (1)")
                assert caught.value.code == "58030"
            assert len(await engine.rows("SELECT * FROM v")) == 2
            append(words, "d")
            database.execute("PRAGMA query_only = OFF")

            async def goes_on() -> bool:
                rows = sorted(await engine.rows("SELECT * FROM v"))
                return rows == [("a", 2), ("b", 1), ("c", 2), ("d", 1)]

            await wait_for(goes_on, "every line")
            await engine.run("INSERT INTO t VALUES (2)")
            assert await engine.rows("SELECT * FROM t") == [(2,)]

    asyncio.run(scenario())
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(str(tmp_path))[0] for line in lines] == [
        "could not write to the data folder ",
        "the data folder ",
    ]
