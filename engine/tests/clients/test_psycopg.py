"""psycopg 3, sync and async: `stream`, COPY row by row in both formats, pipelines, cursors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import psycopg
import pytest

from engine.tests.clients.conftest import Engine

ITEM = (
    "tab\t\\slash",
    Decimal("1.5"),
    9007199254740993,
    datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC),
    {"a": [1]},
    True,
)
TYPES = ["text", "numeric", "int8", "timestamptz", "jsonb", "bool"]


@pytest.fixture
def connection(engine: Engine) -> Iterator[psycopg.Connection]:
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("binary", [False, True])
def test_values_in_both_formats(connection: psycopg.Connection, binary: bool) -> None:
    cursor = connection.cursor(binary=binary)
    cursor.execute("SELECT * FROM items WHERE n > %s AND good = %b", (7, True))
    assert cursor.fetchall() == [ITEM]


def test_a_statement_that_is_prepared_after_some_uses(connection: psycopg.Connection) -> None:
    for _ in range(10):
        rows = connection.execute("SELECT n FROM items WHERE name = %s", (ITEM[0],)).fetchall()
        assert rows == [(ITEM[2],)]


def test_a_prepared_statement_notices_that_its_view_was_replaced(
    connection: psycopg.Connection,
) -> None:
    for number in (1, 2):
        connection.execute(f"CREATE OR REPLACE MATERIALIZED VIEW again AS SELECT {number} AS a")
        rows = connection.execute("SELECT a FROM again", prepare=True).fetchall()
        assert rows == [(number,)]
    connection.execute("CREATE OR REPLACE MATERIALIZED VIEW again AS SELECT 'x'::text AS a")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="must not change result type"):
        connection.execute("SELECT a FROM again", prepare=True)


def test_a_stream_of_a_tail(connection: psycopg.Connection) -> None:
    rows = []
    for row in connection.cursor().stream("TAIL items WITH (PROGRESS)"):
        rows.append(row)
        if row[1]:
            break
    assert (False, 1, *ITEM) in [row[1:] for row in rows]
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_stream_of_a_tail_with_a_parameter(connection: psycopg.Connection) -> None:
    sql = "TAIL (SELECT name FROM items WHERE n > %s)"
    assert [row[1:] for row in islice(connection.cursor().stream(sql, (1,)), 1)] == [(1, ITEM[0])]


@pytest.mark.parametrize("form", ["TEXT", "BINARY"])
def test_copy_of_a_tail_row_by_row(engine: Engine, form: str) -> None:
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        sql = f"COPY (TAIL items WITH (PROGRESS)) TO STDOUT WITH (FORMAT {form})"
        with connection.cursor().copy(sql) as copy:
            copy.set_types(["numeric", "bool", "int8", *TYPES])
            rows = [copy.read_row() for _ in range(5)]
            connection.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                while copy.read_row() is not None:
                    pass
    assert all(row is not None for row in rows)
    assert (False, 1, *ITEM) in [row[1:] for row in rows if row is not None]
    assert (True, None, *[None] * len(TYPES)) in [row[1:] for row in rows if row is not None]


@pytest.mark.parametrize("form", ["TEXT", "BINARY"])
@pytest.mark.parametrize(("where", "expected"), [("good", [ITEM]), ("n = 0", [])])
def test_copy_of_a_select(
    connection: psycopg.Connection, form: str, where: str, expected: list[object]
) -> None:
    sql = f"COPY (SELECT * FROM items WHERE {where}) TO STDOUT WITH (FORMAT {form})"
    with connection.cursor().copy(sql) as copy:
        copy.set_types(TYPES)
        assert list(copy.rows()) == expected


def test_a_server_side_cursor(engine: Engine) -> None:
    with psycopg.connect(engine.dsn) as connection:
        with connection.cursor("mine") as cursor:
            cursor.execute("SELECT i FROM generate_series(1, 10) AS g(i) WHERE i > %s", (4,))
            assert cursor.fetchmany(2) == [(5,), (6,)]
            assert cursor.fetchall() == [(7,), (8,), (9,), (10,)]
        connection.commit()
        with connection.cursor("mine") as cursor:
            cursor.execute("TAIL counts")
            assert len(cursor.fetchmany(2)) in (1, 2)


def test_a_pipeline(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE piped (a int)")
    with connection.pipeline() as pipeline:
        one = connection.execute("SELECT 1")
        connection.execute("INSERT INTO piped VALUES (%s)", (1,))
        connection.execute("INSERT INTO piped VALUES (%s)", (2,))
        count = connection.execute("SELECT count(*) FROM piped")
        assert (one.fetchone(), count.fetchone()) == ((1,), (2,))
        connection.execute("INSERT INTO piped VALUES (%s)", (3,))
        failed = connection.execute("SELECT nonsense FROM piped")
        with pytest.raises(psycopg.errors.Error, match='"nonsense" does not exist'):
            failed.fetchone()
        pipeline.sync()
    assert connection.execute("SELECT count(*) FROM piped").fetchone() == (2,)


def test_many_inserts_in_one_transaction(engine: Engine) -> None:
    with psycopg.connect(engine.dsn) as connection:
        connection.autocommit = True
        connection.execute("CREATE TABLE many (a int, b text)")
        connection.autocommit = False
        rows = [(i, f"row {i}") for i in range(200)]
        connection.cursor().executemany("INSERT INTO many (a, b) VALUES (%s, %s)", rows)
        connection.commit()
        found = connection.execute("SELECT a, b FROM many ORDER BY a").fetchall()
        assert found == rows


def test_parameters_are_counted(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.Error, match="supplies 1 parameters"):
        connection.pgconn.exec_params(b"SELECT 1", [b"x"]).status  # noqa: B018
        result = connection.pgconn.exec_params(b"SELECT 1", [b"x"])
        raise psycopg.errors.Error(result.error_message.decode())


def test_async_stream_and_cancel(engine: Engine) -> None:
    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(engine.dsn, autocommit=True) as connection:
            async for row in connection.cursor().stream("TAIL (SELECT name FROM items)"):
                assert row[1] == 1
                break

            async def copy() -> None:
                sql = "COPY (TAIL items WITH (SNAPSHOT = false)) TO STDOUT"
                async with connection.cursor().copy(sql) as copy:
                    async for _ in copy:
                        pass

            task = asyncio.create_task(copy())
            await asyncio.to_thread(engine.wait_for_tails, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            answer = await connection.execute("SELECT 'still here'")
            assert await answer.fetchone() == ("still here",)

    asyncio.run(run())
    engine.wait_for_tails(0)
