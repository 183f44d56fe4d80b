"""The relations about dataflows: operators, connections, rows."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.tests.coordinator.support import Engine, append, source_sql, wait_for

VIEW = "CREATE MATERIALIZED VIEW v AS SELECT word, count(*) AS n FROM s GROUP BY word"
TOP = "CREATE MATERIALIZED VIEW top AS SELECT word, n FROM v ORDER BY n DESC, word LIMIT 1"
_CHANNELS = """
FROM mz_dataflow_channels c
JOIN mz_dataflow_operator_addresses address ON address.id = c.id
JOIN (SELECT DISTINCT dataflow_id::text AS id, dataflow_name FROM mz_dataflow_operator_dataflows) d
  ON address.address::text = '{' || d.id || '}'
JOIN mz_dataflow_operator_addresses a
    ON a.address::text = '{' || d.id || ',' || c.source_node::text || '}'
JOIN mz_dataflow_operators source ON source.id = a.id
JOIN mz_dataflow_operator_addresses b
    ON b.address::text = '{' || d.id || ',' || c.target_node::text || '}'
JOIN mz_dataflow_operators target ON target.id = b.id
"""
EDGES = f"SELECT d.dataflow_name, source.name, target.name, c.target_port {_CHANNELS}"
MESSAGES = f"""
SELECT d.dataflow_name, source.name, target.name, m.sent {_CHANNELS}
JOIN mz_message_counts m ON m.channel = c.id
"""
RECORDS = """
SELECT d.dataflow_name, r.name, r.records
FROM mz_records_per_dataflow_operator r JOIN mz_dataflow_operator_dataflows d ON d.id = r.id
"""
TOTALS = "SELECT name, records FROM mz_records_per_dataflow"


async def shown(engine: Engine, sql: str, *expected: tuple[object, ...]) -> None:
    """Wait until a query returns these rows."""

    async def is_shown() -> bool:
        engine.world.skipped += 1
        return sorted(await engine.rows(sql)) == sorted(expected)

    await wait_for(is_shown, f"{sql} returns {expected}; it returns {await engine.rows(sql)}")


def test_operators_and_their_records(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "words"
        path.write_text("a\nb\na\n")
        v, top = "Dataflow: materialize.public.v", "Dataflow: materialize.public.top"
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(path), VIEW, TOP)
            await shown(
                engine,
                EDGES,
                (v, "Get s", "Map/Filter", 0),
                (v, "Map/Filter", "Reduce", 0),
                (v, "Reduce", "Arrange v", 0),
                (top, "Get v", "TopK", 0),
                (top, "TopK", "Arrange top", 0),
            )
            await shown(engine, TOTALS, (v, 4), (top, 3))
            append(path, "c")
            await shown(
                engine,
                MESSAGES,
                (v, "Get s", "Map/Filter", 4),
                (v, "Map/Filter", "Reduce", 3),
                (v, "Reduce", "Arrange v", 3),
                (top, "Get v", "TopK", 3),
                (top, "TopK", "Arrange top", 1),
            )
            await shown(
                engine,
                RECORDS,
                (v, "Reduce", 3),
                (v, "Arrange v", 3),
                (top, "TopK", 3),
                (top, "Arrange top", 1),
            )
            ids = await engine.rows("SELECT id FROM mz_dataflow_operators")
            await engine.run("ALTER VIEW v RENAME TO w")
            await shown(engine, TOTALS, ("Dataflow: materialize.public.w", 6), (top, 4))
            assert sorted(await engine.rows("SELECT id FROM mz_dataflow_operators")) == sorted(ids)
            await engine.run("DROP VIEW top")
            await shown(engine, TOTALS, ("Dataflow: materialize.public.w", 6))

    asyncio.run(scenario())


def test_the_inputs_of_a_join_have_numbers() -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(
                "CREATE TABLE l (a int)",
                "CREATE TABLE r (a int)",
                "CREATE MATERIALIZED VIEW v AS SELECT l.a FROM l JOIN r ON l.a = r.a",
            )
            into_join = (
                f"SELECT name1, target_port FROM ({EDGES}) AS e (d, name1, name2, target_port)"
            )
            await shown(engine, f"{into_join} WHERE name2 = 'Join'", ("Get l", 0), ("Get r", 1))

    asyncio.run(scenario())


def test_a_relation_about_dataflows_can_be_tailed() -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run("CREATE TABLE t (a int)")
            tail = await engine.tail(TOTALS, progress=True)
            await engine.run("CREATE MATERIALIZED VIEW v AS SELECT a FROM t")
            await engine.run("INSERT INTO t VALUES (1), (2)")
            row = ("Dataflow: materialize.public.v", 2)

            async def has_come() -> bool:
                engine.world.skipped += 1
                await tail.read()
                return tail.sum(2**62).get(row) == 1

            await wait_for(has_come, "the number of rows")

    asyncio.run(scenario())
