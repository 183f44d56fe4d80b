"""INSERT, UPDATE and DELETE."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from engine.errors import SqlError
from engine.sql import statements as s
from engine.sql.parser import parse_statement
from engine.tests.coordinator.support import Engine

TABLE = "CREATE TABLE t (id int NOT NULL, name text DEFAULT 'none', price numeric)"


def with_table(scenario: Callable[[Engine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Engine() as engine:
            await engine.run(TABLE)
            await scenario(engine)

    asyncio.run(run())


async def texts(engine: Engine, sql: str = "SELECT * FROM t ORDER BY id") -> list[str]:
    return [" ".join(row) for row in await engine.texts(sql)]


INSERTS = [
    ("VALUES (1, 'a', 1.50), (2, NULL, '2')", 2, ["1 a 1.5", "2 NULL 2"]),
    ("(name, id) VALUES ('x', '7')", 1, ["7 x NULL"]),
    ("(id) VALUES (3)", 1, ["3 none NULL"]),
    ("VALUES (4)", 1, ["4 none NULL"]),
    ("VALUES (5, DEFAULT, DEFAULT)", 1, ["5 none NULL"]),
    ("SELECT 6, 'six'", 1, ["6 six NULL"]),
    ("SELECT * FROM (VALUES (8, 'e'), (8, 'e')) AS v", 2, ["8 e NULL", "8 e NULL"]),
    ("SELECT 9 UNION ALL SELECT 10", 2, ["9 none NULL", "10 none NULL"]),
    ("(id, price) SELECT g, g * 2 FROM generate_series(1, 3) AS g", 3,
     ["1 none 2", "2 none 4", "3 none 6"]),
]  # fmt: skip


def test_columns_hold_what_the_numbers_of_their_types_allow() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                "CREATE TABLE t (id int, n numeric(6, 2) DEFAULT 0.005, v varchar(3), c char(3), "
                "at timestamp(1) with time zone NOT NULL, x numeric)"
            )
            await engine.run(
                "INSERT INTO t VALUES (1, 1.255, 'abc', 'a', '2020-01-02 03:04:05.67+00', 1.255),"
                "(2, DEFAULT, 'ab     ', 'b  ', '2020-01-02', NULL)"
            )
            await engine.run("INSERT INTO t SELECT id + 2, x, v, c, at FROM t WHERE id = 1")
            await engine.run("UPDATE t SET n = n + 1.001 WHERE id = 1")
            assert await texts(engine) == [
                "1 2.26 abc a   2020-01-02 03:04:05.7+00 1.255",
                "2 0.01 ab  b   2020-01-02 00:00:00+00 NULL",
                "3 1.26 abc a   2020-01-02 03:04:05.7+00 NULL",
            ]
            for assignment, text in (
                ("n = 10000", "numeric field overflow"),
                ("v = 'abcd'", "value too long for type character varying(3)"),
                ("c = v || 'd'", "value too long for type character(3)"),
            ):
                with pytest.raises(SqlError, match=re.escape(text)):
                    await engine.run(f"UPDATE t SET {assignment}")

    asyncio.run(scenario())


@pytest.mark.parametrize(("sql", "count", "rows"), INSERTS)
def test_insert(sql: str, count: int, rows: list[str]) -> None:
    async def scenario(engine: Engine) -> None:
        assert await engine.run(f"INSERT INTO t {sql}") == f"INSERT 0 {count}"
        assert await texts(engine) == rows

    with_table(scenario)


REFUSED = [
    ("INSERT INTO t VALUES (NULL)", 'null value in column "id" violates not-null constraint'),
    ("INSERT INTO t VALUES (1, 'a', 2, 3)", "INSERT has more expressions than target columns"),
    ("INSERT INTO t (id, name) VALUES (1)", "INSERT has more target columns than expressions"),
    ("INSERT INTO t (id, nix) VALUES (1, 2)", 'column "nix" of relation "t" does not exist'),
    ("INSERT INTO t (id, id) VALUES (1, 2)", "a column is named more than once"),
    ("INSERT INTO t VALUES ('x')", "invalid input syntax for type integer"),
    ("INSERT INTO nix VALUES (1)", "unknown catalog item 'nix'"),
    ("INSERT INTO mz_objects VALUES (1)", "is not a table that can be written to"),
    ("UPDATE t SET nix = 1", 'column "nix" of relation "t" does not exist'),
    ("UPDATE t SET id = 1, id = 2", "multiple assignments to the same column"),
    ("UPDATE t SET id = NULL", 'null value in column "id" violates not-null constraint'),
    ("DELETE FROM t WHERE nix", 'column "nix" does not exist'),
]


@pytest.mark.parametrize(("sql", "text"), REFUSED)
def test_what_is_refused_changes_nothing(sql: str, text: str) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.run("INSERT INTO t VALUES (1, 'a', 1)")
        with pytest.raises(SqlError) as caught:
            await engine.run(sql)
        assert text in caught.value.message
        assert await texts(engine) == ["1 a 1"]

    with_table(scenario)


def test_update_and_delete() -> None:
    async def scenario(engine: Engine) -> None:
        await engine.run("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (2, 'b', 2), (3, 'c', 3)")
        assert await engine.run("UPDATE t SET price = price * 10, id = id + 1 WHERE id > 1") == (
            "UPDATE 3"
        )
        assert await texts(engine) == ["1 a 1", "3 b 20", "3 b 20", "4 c 30"]
        assert await engine.run("UPDATE t AS x SET name = DEFAULT WHERE x.id = 1") == "UPDATE 1"
        assert await engine.run("DELETE FROM t WHERE name = 'b'") == "DELETE 2"
        assert await texts(engine) == ["1 none 1", "4 c 30"]
        assert await engine.run("DELETE FROM t") == "DELETE 2"
        assert await engine.run("DELETE FROM t") == "DELETE 0"

    with_table(scenario)


def test_a_write_is_seen_at_once_by_select_and_view() -> None:
    async def scenario(engine: Engine) -> None:
        await engine.run("CREATE MATERIALIZED VIEW v AS SELECT sum(id) AS total FROM t")
        for number in range(1, 20):
            await engine.run(f"INSERT INTO t VALUES ({number})")
            total = number * (number + 1) // 2
            assert await engine.rows("SELECT * FROM v") == [(total,)]

    with_table(scenario)


def test_parameters_have_the_types_of_the_columns() -> None:
    async def scenario(engine: Engine) -> None:
        statement = parse_statement("INSERT INTO t VALUES ($1, $2, $3)")
        assert isinstance(statement, s.Insert)
        write = engine.coordinator.plan_write(statement)
        assert [type.name for type in write.parameters] == ["int4", "text", "numeric"]
        price = write.parameters[2].from_text("0.10")
        assert await engine.coordinator.write([(write, (1, None, price))] * 2) == [1, 1]
        assert await texts(engine) == ["1 NULL 0.1", "1 NULL 0.1"]

    with_table(scenario)


def test_writes_at_once_have_one_time_and_each_sees_what_was_before() -> None:
    async def scenario(engine: Engine) -> None:
        await engine.run("INSERT INTO t VALUES (1)")
        tail = await engine.tail("t", snapshot=False)
        plans = []
        for sql in (
            "INSERT INTO t SELECT id + 1 FROM t",
            "DELETE FROM t",
            "INSERT INTO t VALUES (9)",
        ):
            statement = parse_statement(sql)
            assert isinstance(statement, s.Insert | s.Delete)
            plans.append((engine.coordinator.plan_write(statement), ()))
        assert await engine.coordinator.write(plans) == [1, 1, 1]
        await tail.read()
        assert len({row.time for row in tail.updates}) == 1
        assert await texts(engine, "SELECT id FROM t ORDER BY id") == ["2", "9"]

    with_table(scenario)


def test_many_at_once_lose_nothing() -> None:
    async def scenario(engine: Engine) -> None:
        await asyncio.gather(
            *(engine.run(f"INSERT INTO t VALUES ({number})") for number in range(50)),
            *(engine.run("UPDATE t SET price = 1") for _ in range(5)),
        )
        assert await engine.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(50, 50)]

    with_table(scenario)
