"""SELECT: which time it has, what it waits for, and that clocks that jump change nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from engine.coordinator import limits, runtime
from engine.coordinator.source import REPLAY_BYTES
from engine.errors import SqlError
from engine.sql import statements as s
from engine.sql.parser import parse_statement
from engine.tests.coordinator.support import COUNTS, Engine, append, source_sql, wait_for


def test_all_reads_of_a_transaction_have_one_time(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(history_window=1, tick=10) as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE TABLE t (a int)",
            )
            read = engine.coordinator.begin_read()
            first = await engine.peek("SELECT * FROM v", read=read)
            append(words, "c")
            await engine.run("INSERT INTO t VALUES (1)")

            async def has_grown() -> bool:
                return len(await engine.rows("SELECT * FROM v")) == 3

            await wait_for(has_grown, "the appended line")
            await engine.ticks(5)
            for sql in ("SELECT * FROM v", "SELECT * FROM t", "SELECT * FROM mz_objects"):
                assert (await engine.peek(sql, read=read)).time == first.time
            assert (await engine.peek("SELECT * FROM v", read=read)).rows == first.rows
            assert (await engine.peek("SELECT * FROM t", read=read)).rows == []
            read.close()
            read.close()

            async def is_forgotten() -> bool:
                try:
                    await engine.peek("SELECT * FROM v", as_of=first.time)
                except SqlError:
                    return True
                return False

            await wait_for(is_forgotten, "the time of the transaction is released")

    asyncio.run(scenario())


def test_a_transaction_that_stays_open_is_bounded(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(history_window=1, tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            read = engine.coordinator.begin_read()
            await engine.peek("SELECT * FROM v", read=read)
            append(words, "c")
            engine.world.pass_time(3600)

            async def is_refused() -> bool:
                try:
                    await engine.peek("SELECT * FROM v", read=read)
                except SqlError as error:
                    return "is not valid for all inputs" in error.message
                return False

            await wait_for(is_refused, "the history is forgotten all the same")

    asyncio.run(scenario())


@pytest.mark.parametrize("jump", [-3_600_000, 3_600_000])
def test_a_clock_that_jumps_changes_no_history(words: Path, jump: int) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            before = await engine.peek("SELECT * FROM v")
            tail = await engine.tail("v", progress=True, as_of=before.time)
            await tail.until(before.time)
            engine.world.offset += jump
            append(words, "c")
            while ("c", 1) not in tail.sum(2**62):
                await tail.read()
            await engine.ticks(5)
            engine.world.offset -= jump
            append(words, "d")
            while ("d", 1) not in tail.sum(2**62):
                await tail.read()
            tail.check_order()
            assert sorted(await engine.rows("SELECT * FROM v", as_of=before.time)) == sorted(
                before.rows
            )
            resumed = await engine.tail("v", snapshot=False, progress=True, as_of=before.time)
            await resumed.until(tail.got[-1].time)
            assert resumed.updates == [row for row in tail.updates if row.time > before.time]

    asyncio.run(scenario())


def test_a_view_is_complete_when_it_can_first_be_read(tmp_path: Path) -> None:
    """It is filled in the background: others are answered, and its own SELECT waits."""
    path = tmp_path / "words"
    lines = 4 * REPLAY_BYTES // 8 + 3
    path.write_text("".join(f"{number:07d}\n" for number in range(lines)))

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE TABLE t (a int)", source_sql(path))
            await engine.run("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s")
            tail = asyncio.create_task(first_sum(engine))
            before = engine.coordinator.now
            waiting = asyncio.create_task(engine.rows("SELECT * FROM v"))
            answered = 0
            while not waiting.done():
                await engine.run("INSERT INTO t VALUES (1)")
                append(path, "more")
                answered += 1
                assert answered < 1000
            assert answered > 1
            [(count,)] = await waiting
            assert lines <= count <= lines + answered
            assert min((await tail).values()) == 1
            await engine.run("CREATE MATERIALIZED VIEW w AS SELECT count(*) AS n FROM s")
            assert (await engine.rows("SELECT * FROM w"))[0][0] >= count
            assert engine.coordinator.now > before

    async def first_sum(engine: Engine) -> dict:
        tail = await engine.tail("v", progress=True)
        await tail.read()
        return tail.sum(2**62)

    asyncio.run(scenario())


def test_views_over_views_are_filled_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_GATHERING", 2)  # so that a slow machine creates all three
    path = tmp_path / "words"
    path.write_text("".join(f"{'x' * 500} {number % 7}\n" for number in range(10_000)))

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                f"CREATE SOURCE s FROM FILE '{path}' WITH (tail = true) "
                r"FORMAT REGEX '^x+ (?P<word>\d)$'",
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE MATERIALIZED VIEW w AS SELECT count(*) AS words, sum(n) AS n FROM v",
                "CREATE MATERIALIZED VIEW all_of_them AS SELECT count(*) AS n FROM s",
            )
            assert len(engine.coordinator._runtime._gathered) == 3
            assert await engine.texts("SELECT * FROM w") == [["7", "10000"]]
            assert await engine.texts("SELECT * FROM all_of_them") == [["10000"]]
            append(path, f"{'x' * 500} 8")

            async def has_grown() -> bool:
                return await engine.texts("SELECT * FROM w") == [["8", "10001"]]

            await wait_for(has_grown, "the appended line")

    asyncio.run(scenario())


def test_a_plain_source_can_be_read_as_of_a_time(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            time = (await engine.peek("SELECT * FROM v")).time
            append(words, "c")
            sql = "SELECT word FROM s ORDER BY mz_line_no"
            assert await engine.rows(sql, as_of=time) == [("a",), ("b",), ("a",)]
            later = engine.coordinator.now + 100
            assert await engine.rows(sql, as_of=later) == [("a",), ("b",), ("a",), ("c",)]
            assert await engine.rows(sql, as_of=time) == [("a",), ("b",), ("a",)]

    asyncio.run(scenario())


def test_a_failing_row_fails_the_select_that_evaluates_it(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE TABLE t (a text)", "INSERT INTO t VALUES ('1'), ('x')")
            with pytest.raises(SqlError, match=r"^Evaluation error: invalid input syntax"):
                await engine.peek("SELECT a::int FROM t")
            assert await engine.rows("SELECT a::int FROM t WHERE a <> 'x'") == [(1,)]

    asyncio.run(scenario())


def test_a_select_that_gives_too_much_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A join of all with all is done in short steps, may be given up, and has a limit."""

    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run("CREATE TABLE t (a int)")
            await engine.run("INSERT INTO t SELECT * FROM generate_series(1, 3000)")
            everything = "SELECT x.a, y.a FROM t AS x, t AS y"
            peek = asyncio.create_task(engine.peek(everything))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not peek.done()
            peek.cancel()
            with pytest.raises(asyncio.CancelledError):
                await peek
            assert await engine.rows("SELECT count(*) FROM t") == [(3000,)]
            monkeypatch.setattr(limits, "MAX_ROWS", 100_000)
            with pytest.raises(SqlError, match="result exceeds max size of 100000 rows"):
                await engine.peek(everything)
            assert await engine.rows(f"SELECT count(*) FROM ({everything}) AS z") == [(9_000_000,)]

    asyncio.run(scenario())


def test_rows_leave_by_themselves_at_their_own_time() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                "CREATE TABLE t (a int, until numeric)",
                "CREATE MATERIALIZED VIEW v AS "
                "SELECT a FROM t WHERE mz_logical_timestamp() <= until",
                "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM v",
            )
            tail = await engine.tail("n", progress=True)
            ends = [engine.coordinator.now + 200 + 3 * number for number in range(5)]
            for number, end in enumerate(ends):
                await engine.run(f"INSERT INTO t VALUES ({number}, {end})")
            await tail.until(ends[-1] + 1)
            assert tail.sum(ends[0]) == {(5,): 1}
            for left, end in enumerate(ends, 1):
                assert tail.sum(end + 1) == {(5 - left,): 1}
                assert await engine.rows("SELECT * FROM n", as_of=end) == [(6 - left,)]
            tail.check_order()

    asyncio.run(scenario())


def test_a_query_that_is_asked_again_is_that_of_the_catalog_as_it_is() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            sql = "SELECT * FROM v"
            statement = parse_statement(sql)
            assert isinstance(statement, s.Select)
            await engine.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
            await engine.run("CREATE MATERIALIZED VIEW v AS SELECT a + 1 AS b FROM t")
            compile = partial(engine.coordinator.compile, statement.query, maintained=False)
            assert compile() is compile()
            assert await engine.rows(sql) == [(2,)]
            await engine.run("DROP VIEW v", "CREATE VIEW v AS SELECT a, 'x' AS c FROM t")
            assert await engine.rows(sql) == [(1, "x")]
            assert [column.name for column in compile().columns] == ["a", "c"]
            await engine.run("ALTER VIEW v RENAME TO w")
            with pytest.raises(SqlError, match="unknown catalog item 'v'"):
                await engine.rows(sql)

    asyncio.run(scenario())
