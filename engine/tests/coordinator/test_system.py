"""The system's relations: catalog, statistics and errors, read and TAILed like any other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.catalog import Catalog, add_system_items
from engine.coordinator.system import ERROR_TEXTS, OTHER_ERRORS, SystemRelations
from engine.tests.coordinator.support import Engine, append, source_sql, wait_for
from engine.zset import ZSet, add


def test_the_catalog_can_be_followed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            tail = await engine.tail("SELECT name, type FROM mz_objects WHERE id LIKE 'u%'")
            await engine.run("CREATE TABLE t (a int)", "CREATE VIEW v AS SELECT a FROM t")
            while len(tail.updates) < 2:
                await tail.read()
            await engine.run("DROP TABLE t CASCADE")
            while len(tail.updates) < 4:
                await tail.read()
            assert sorted((row.diff, row.row) for row in tail.updates) == [
                (-1, ("t", "table")),
                (-1, ("v", "view")),
                (1, ("t", "table")),
                (1, ("v", "view")),
            ]

    asyncio.run(scenario())


def test_every_relation_lists_what_it_should(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "words"
        path.write_text("a\n")
        async with Engine() as engine:
            await engine.run(
                source_sql(path),
                "CREATE TABLE t (a int NOT NULL, b text)",
                "CREATE MATERIALIZED VIEW v AS SELECT word FROM s",
            )
            assert await engine.rows(
                "SELECT o.type, s.name, d.name FROM mz_objects o JOIN mz_schemas s "
                "ON o.schema_id = s.id JOIN mz_databases d ON s.database_id = d.id "
                "WHERE o.name = 'v' AND s.name = 'public'"
            ) == [("view", "public", "materialize")]
            assert await engine.rows("SELECT name, connector_type FROM mz_sources") == [
                ("s", "file")
            ]
            assert await engine.rows("SELECT name FROM mz_tables WHERE name = 't'") == [("t",)]
            assert await engine.rows("SELECT name FROM mz_indexes") == [("v_primary_idx",)]
            assert await engine.rows(
                "SELECT c.name, c.position, c.nullable, c.type FROM mz_columns c "
                "JOIN mz_tables t ON t.id = c.id WHERE t.name = 't' ORDER BY c.position"
            ) == [("a", 1, False, "integer"), ("b", 2, True, "text")]

    asyncio.run(scenario())


def test_statistics_of_sources_views_and_tails(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "words"
        path.write_text("a\nb\na\n")
        async with Engine(tick=10) as engine:
            await engine.run(
                source_sql(path),
                "CREATE MATERIALIZED VIEW v AS SELECT word, count(*) FROM s GROUP BY word",
            )
            tail = await engine.tail("v", progress=True)
            await tail.read()
            append(path, "c", "d")

            async def is_told() -> bool:
                engine.world.skipped += 1
                sources = await engine.rows(
                    "SELECT name, rows_read, bytes_read, lines_left_out FROM mz_source_statistics"
                )
                views = await engine.rows("SELECT name, rows, complete FROM mz_view_statistics")
                tails = await engine.rows("SELECT name, updates_sent FROM mz_tails")
                await tail.read()
                return (
                    sources == [("s", 5, 10, 0)]
                    and views == [("v", 4, True)]
                    and len(tails) == 1
                    and tails[0][1] >= 4
                )

            await wait_for(is_told, "the statistics")
            tail.subscription.close()

            async def is_gone() -> bool:
                engine.world.skipped += 1
                return await engine.rows("SELECT * FROM mz_tails") == []

            await wait_for(is_gone, "the TAIL is no longer listed")

    asyncio.run(scenario())


def test_errors_come_and_go_with_their_rows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                "CREATE TABLE t (a text)",
                "CREATE MATERIALIZED VIEW v AS SELECT a::int AS a FROM t",
                "INSERT INTO t VALUES ('1'), ('x'), ('x'), ('y')",
            )
            sql = "SELECT name, error, count FROM mz_evaluation_errors ORDER BY count"

            assert await engine.rows("SELECT * FROM v") == [(1,)]
            # They are never behind the view: there is nothing to wait for.
            rows = await engine.rows(sql)
            assert [(row[0], row[2]) for row in rows] == [("v", 1), ("v", 2)]
            assert '"y"' in rows[0][1]
            assert await engine.rows("SELECT * FROM v") == [(1,)]
            await engine.run("DELETE FROM t WHERE a = 'x'")
            assert len(await engine.rows(sql)) == 1
            await engine.run("DROP VIEW v")
            assert await engine.rows(sql) == []

    asyncio.run(scenario())


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "words"
        path.write_bytes(b"good\n\xff\xfe\n" + b"x" * 50 + b"\nalso good\ntorn")
        async with Engine(tick=10, max_line_bytes=40) as engine:
            await engine.run(source_sql(path), "CREATE DEFAULT INDEX ON s")
            rows = "SELECT word, mz_line_no FROM s ORDER BY mz_line_no"
            assert await engine.rows(rows) == [("good", 1), ("also good", 2)]
            sql = "SELECT name, error, count FROM mz_evaluation_errors ORDER BY error"

            assert await engine.rows(sql) == [
                ("s", "Decode error: Text: Failed to decode UTF-8", 1),
                ("s", "line too long: it has more than 40 bytes", 1),
            ]

    asyncio.run(scenario())


def test_errors_are_never_behind_the_rows(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "words"
        path.write_text("1\n")
        async with Engine() as engine:
            await engine.run(
                source_sql(path), "CREATE MATERIALIZED VIEW v AS SELECT word::int AS n FROM s"
            )
            assert await engine.rows("SELECT n FROM v") == [(1,)]
            tail = await engine.tail("v", snapshot=False)
            for number in range(2, 12):
                append(path, "bad", str(number))
                await tail.read()
                assert tail.got[-1].row == (number,)
                errors = await engine.rows("SELECT count FROM mz_evaluation_errors")
                assert errors == [(number - 1,)]

    asyncio.run(scenario())


def test_the_number_of_error_texts_is_bounded() -> None:
    catalog = Catalog()
    add_system_items(catalog)
    system = SystemRelations(catalog)
    held: ZSet = {}
    errors = catalog.get(("mz_evaluation_errors",)).id
    texts = [f"error {number}" for number in range(2 * ERROR_TEXTS)]

    def drain() -> None:
        add(held, system.drain().get(errors, {}))

    system.change_errors("s1", dict.fromkeys(texts, 1))
    drain()
    assert len(held) == ERROR_TEXTS + 1
    assert [row[3] for row in held if row[2] == OTHER_ERRORS] == [ERROR_TEXTS]
    for text in texts:
        system.change_errors("s1", {text: -1})
    drain()
    assert held == {}
