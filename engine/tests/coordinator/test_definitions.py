"""CREATE and DROP: what they refuse, and what goes on running."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from engine.coordinator.maintained import Maintained
from engine.errors import SqlError
from engine.tests.coordinator.support import COUNTS, Engine, Tail, append, source_sql, wait_for


def runs(engine: Engine) -> list[str]:
    """The names of what is stepped at every tick."""
    return [member.name for member in engine.coordinator._runtime.graph.members]


def test_tags(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            for sql, tag in [
                (source_sql(words), "CREATE SOURCE"),
                ("CREATE TABLE t (a text)", "CREATE TABLE"),
                ("CREATE VIEW v AS SELECT word FROM s", "CREATE VIEW"),
                ("CREATE MATERIALIZED VIEW m AS SELECT a FROM t", "CREATE VIEW"),
                ("CREATE DEFAULT INDEX ON v", "CREATE INDEX"),
                ("DROP INDEX v_primary_idx", "DROP INDEX"),
                ("DROP VIEW IF EXISTS nix", "DROP VIEW"),
                ("DROP VIEW v, m", "DROP VIEW"),
                ("DROP TABLE t", "DROP TABLE"),
                ("DROP SOURCE s", "DROP SOURCE"),
            ]:
                assert await engine.run(sql) == tag

    asyncio.run(scenario())


REFUSED = [
    ("CREATE VIEW v AS SELECT word FROM s", "catalog item 'v' already exists"),
    ("CREATE TABLE v (a int)", "catalog item 'v' already exists"),
    ("CREATE OR REPLACE VIEW s AS SELECT 1 AS a", "'materialize.public.s' is a source, not a view"),
    (
        "CREATE OR REPLACE VIEW above AS SELECT n FROM above",
        "cannot be replaced by a query that reads",
    ),
    ("CREATE OR REPLACE VIEW v AS SELECT 1 AS word", "cannot drop materialize.public.v: still dep"),
    ("CREATE VIEW x AS SELECT nix FROM s", 'column "nix" does not exist'),
    ("CREATE VIEW x AS SELECT a FROM nix", "unknown catalog item 'nix'"),
    ("CREATE VIEW x AS SELECT word, word FROM s", 'column "word" specified more than once'),
    ("CREATE VIEW x (a, b) AS SELECT word FROM s", "2 column names are given, expected 1"),
    ("CREATE TABLE x (a int, a text)", 'column "a" specified more than once'),
    ("CREATE SOURCE x FROM FILE '/nix' FORMAT TEXT", "No such file or directory (os error 2)"),
    ("CREATE INDEX i ON v (nix)", 'column "nix" does not exist'),
    ("DROP SOURCE s", "cannot drop materialize.public.s: still depended upon by catalog item"),
    ("DROP VIEW nix", "unknown catalog item 'nix'"),
    ("DROP TABLE v", "'materialize.public.v' is a view, not a table"),
    ("DROP VIEW mz_objects", "is a table, not a view"),
    ("DROP TABLE mz_objects", "cannot be modified"),
    ("CREATE VIEW mz_catalog.x AS SELECT 1", "system schema 'mz_catalog' cannot be modified"),
    ("CREATE VIEW nix.x AS SELECT 1", "unknown schema 'nix'"),
]


def test_what_is_refused_changes_nothing(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                source_sql(words),
                "CREATE VIEW v AS SELECT word FROM s",
                "CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM v",
            )
            before = await engine.rows("SELECT * FROM mz_objects ORDER BY id")
            for sql, text in REFUSED:
                with pytest.raises(SqlError) as caught:
                    await engine.run(sql)
                assert text in caught.value.message, sql
            assert await engine.rows("SELECT * FROM mz_objects ORDER BY id") == before
            assert await engine.rows("SELECT * FROM above") == [(3,)]

    asyncio.run(scenario())


def test_if_not_exists_changes_nothing(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), "CREATE TABLE t (a text)")
            before = await engine.rows("SELECT * FROM mz_objects ORDER BY id")
            await engine.run(
                f"CREATE SOURCE IF NOT EXISTS s FROM FILE '{words}' FORMAT TEXT",
                "CREATE TABLE IF NOT EXISTS t (b int)",
            )
            assert await engine.rows("SELECT * FROM mz_objects ORDER BY id") == before

    asyncio.run(scenario())


def test_columns_may_be_given_other_names(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                source_sql(words),
                "CREATE VIEW v (w, line) AS SELECT word, mz_line_no FROM s",
                "CREATE MATERIALIZED VIEW m AS SELECT line, w FROM v WHERE w = 'b'",
            )
            assert await engine.rows("SELECT * FROM m") == [(2, "b")]

    asyncio.run(scenario())


def test_a_replaced_view_has_a_new_id_and_its_tail_goes_on_with_the_old_query(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            old_id = engine.coordinator.resolver.resolve(("v",)).id
            tail = await engine.tail("v", progress=True)
            await tail.until(engine.coordinator.now)
            await engine.run(
                "CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 'new' AS word, 0 AS n"
            )
            assert engine.coordinator.resolver.resolve(("v",)).id != old_id
            assert await engine.rows("SELECT * FROM v") == [("new", 0)]
            append(words, "later")
            while ("later", 1) not in tail.sum(2**62):
                await tail.read()
            assert await engine.rows("SELECT * FROM v") == [("new", 0)]
            tail.check_order()

    asyncio.run(scenario())


def test_what_a_dropped_view_kept_is_freed_when_its_last_tail_ends(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            tails = [await engine.tail("v"), await engine.tail("v")]
            for tail in tails:
                await tail.read()
            view = weakref.ref(tails[0].subscription.collection)
            assert isinstance(view(), Maintained)
            await engine.run("DROP SOURCE s CASCADE")
            assert await engine.rows("SELECT name FROM mz_objects WHERE id LIKE 'u%'") == []
            tails.pop().subscription.close()
            append(words, "still")
            await tails[0].read()
            assert ("still", 1) in tails[0].sum(2**62)
            assert runs(engine) == ["v"]
            tails.pop().subscription.close()
            assert runs(engine) == []
            assert not engine.coordinator._runtime.sources
            del tail

            async def is_freed() -> bool:
                gc.collect()
                return view() is None

            await wait_for(is_freed, "the view's memory is freed")

    asyncio.run(scenario())


def test_a_tail_of_a_query_is_freed_with_its_end(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words))
            for ends_early in (True, False):
                tail = await engine.tail(COUNTS, progress=True)
                if not ends_early:
                    await tail.read()
                    assert runs(engine) == ["query"]
                tail.subscription.close()
                assert not await tail.read()

                async def is_gone() -> bool:
                    return runs(engine) == [] and not engine.coordinator._runtime._hydrations

                await wait_for(is_gone, "nothing runs any more")
            assert not engine.coordinator._runtime.subscriptions

    asyncio.run(scenario())


@pytest.mark.parametrize(("name", "rows"), [("s", 3), ("v", 2)])
def test_an_index_makes_a_view_or_a_source_readable(words: Path, name: str, rows: int) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE VIEW v AS {COUNTS}")
            text = "unable to automatically determine a query timestamp"
            with pytest.raises(SqlError, match=text) as caught:
                await engine.peek(f"SELECT * FROM {name}")
            assert (caught.value.detail or "").endswith("not kept: s")
            assert "CREATE DEFAULT INDEX" in (caught.value.hint or "")
            await engine.run(f"CREATE DEFAULT INDEX ON {name}")
            assert len(await engine.rows(f"SELECT * FROM {name}")) == rows
            append(words, "c")

            async def has_grown() -> bool:
                return len(await engine.rows(f"SELECT * FROM {name}")) == rows + 1

            await wait_for(has_grown, "the appended line")
            await engine.run(f"DROP INDEX {name}_primary_idx")
            with pytest.raises(SqlError, match=text):
                await engine.peek(f"SELECT * FROM {name}")

    asyncio.run(scenario())


def test_who_uses_an_index_keeps_it_running(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                "CREATE MATERIALIZED VIEW top AS SELECT word FROM v ORDER BY n DESC LIMIT 1",
                "DROP INDEX v_primary_idx",
            )
            assert await engine.rows("SELECT * FROM top") == [("a",)]
            append(words, "b", "b")

            async def has_changed() -> bool:
                return await engine.rows("SELECT * FROM top") == [("b",)]

            await wait_for(has_changed, "the other word leads")

    asyncio.run(scenario())


def test_tails_and_selects_survive_any_order_of_drops(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            for _ in range(3):
                await engine.run(
                    source_sql(words),
                    f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                    "CREATE MATERIALIZED VIEW w AS SELECT count(*) AS words FROM v",
                )
                tails: list[Tail] = [await engine.tail("v"), await engine.tail("w")]
                await engine.run("DROP VIEW w", "DROP VIEW v", "DROP SOURCE s")
                for tail in tails:
                    await tail.read()
                    tail.subscription.close()
                assert runs(engine) == []

    asyncio.run(scenario())


def test_a_schema_holds_items_of_its_own() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            assert await engine.run("CREATE SCHEMA IF NOT EXISTS other") == "CREATE SCHEMA"
            await engine.run("CREATE TABLE t (a int)", "CREATE TABLE other.t (b int)")
            await engine.run(
                "INSERT INTO other.t VALUES (1)",
                "CREATE MATERIALIZED VIEW other.v AS SELECT b FROM other.t",
            )
            assert await engine.rows("SELECT b FROM materialize.other.v") == [(1,)]
            assert await engine.rows("SELECT * FROM t") == []
            listed = "SELECT o.name FROM mz_objects o JOIN mz_schemas s ON s.id = o.schema_id"
            rows = await engine.rows(f"{listed} WHERE s.name = 'other' ORDER BY 1")
            assert rows == [("t",), ("v",), ("v_primary_idx",)]
            for sql, message in [
                ("CREATE SCHEMA other", "schema 'other' already exists"),
                ("CREATE SCHEMA pg_catalog", "schema 'pg_catalog' already exists"),
                ("DROP SCHEMA other", "cannot be dropped without CASCADE"),
                ("DROP SCHEMA public", "schema 'materialize.public' cannot be dropped"),
                ("DROP SCHEMA nothing", "unknown schema 'nothing'"),
                ("CREATE TABLE nothing.t (a int)", "unknown schema 'nothing'"),
            ]:
                with pytest.raises(SqlError, match=message):
                    await engine.run(sql)
            assert await engine.run("DROP SCHEMA IF EXISTS nothing") == "DROP SCHEMA"
            await engine.run("DROP SCHEMA other CASCADE")
            assert await engine.rows(listed + " WHERE s.name = 'other'") == []
            assert await engine.rows("SELECT name FROM mz_schemas WHERE name = 'other'") == []

    asyncio.run(scenario())
