"""asyncpg, pg8000, SQLAlchemy over several drivers, momoko, and psql."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import momoko
import pg8000.dbapi
import pg8000.native
import psycopg2
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from engine.tests.clients.conftest import Engine

AT = datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC)


def test_asyncpg(engine: Engine) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(
            host=engine.host, port=engine.port, user="materialize", database="materialize"
        )
        rows = await connection.fetch("SELECT * FROM items WHERE price = $1", Decimal("1.5"))
        assert [tuple(row) for row in rows] == [
            ("tab\t\\slash", Decimal("1.5"), 9007199254740993, AT, '{"a":[1]}', True)
        ]
        await connection.execute("CREATE TABLE a (x int, y text)")
        await connection.executemany("INSERT INTO a VALUES ($1, $2)", [(1, "p"), (2, "q")])
        assert await connection.fetchval("SELECT count(*) FROM a") == 2
        async with connection.transaction():
            cursor = await connection.cursor("TAIL a WITH (PROGRESS)")
            rows = await cursor.fetch(2) + await cursor.fetch(1000)
            assert {tuple(row)[2:] for row in rows if row[2]} == {(1, 1, "p"), (1, 2, "q")}
        received = io.BytesIO()
        await connection.copy_from_query("SELECT x, y FROM a ORDER BY x", output=received)
        assert received.getvalue() == b"1\tp\n2\tq\n"
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("TAIL a", timeout=0.3)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()

    asyncio.run(run())
    engine.wait_for_tails(0)


def test_asyncpg_pool(engine: Engine) -> None:
    """A pool resets its connections with statements of PostgreSQL."""

    async def run() -> None:
        async with asyncpg.create_pool(
            host=engine.host,
            port=engine.port,
            user="materialize",
            database="materialize",
            min_size=1,
            max_size=3,
        ) as pool:
            asked = [pool.fetchval("SELECT count(*) FROM items") for _ in range(10)]
            assert await asyncio.gather(*asked) == [2] * 10

    asyncio.run(run())


def test_pg8000(engine: Engine) -> None:
    native = pg8000.native.Connection(
        "materialize", host=engine.host, port=engine.port, database="materialize"
    )
    assert native.run("SELECT name, price FROM items WHERE n = :n", n=9007199254740993) == [
        ["tab\t\\slash", Decimal("1.5")]
    ]
    received = io.BytesIO()
    native.run("COPY (SELECT good FROM items ORDER BY good) TO STDOUT", stream=received)
    assert received.getvalue() == b"f\nt\n"
    native.close()
    connection = pg8000.dbapi.connect(
        "materialize", host=engine.host, port=engine.port, database="materialize"
    )
    cursor = connection.cursor()
    cursor.execute("DECLARE c CURSOR FOR TAIL items")
    cursor.execute("FETCH 1 c")
    assert cursor.fetchone()[1] == 1
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("driver", ["psycopg2", "pg8000", "psycopg"])
def test_sqlalchemy(engine: Engine, driver: str) -> None:
    url = f"postgresql+{driver}://materialize@{engine.host}:{engine.port}/materialize"
    database = sqlalchemy.create_engine(url)
    engine.run(f"CREATE TABLE sa_{driver} (a int, b text)")
    table = sqlalchemy.table(
        f"sa_{driver}",
        sqlalchemy.column("a", sqlalchemy.Integer),
        sqlalchemy.column("b", sqlalchemy.Text),
    )
    with database.begin() as connection:
        connection.execute(table.insert(), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    with database.connect() as connection:
        query = sqlalchemy.select(table.c.b).where(table.c.a == 2)
        assert connection.execute(query).all() == [("y",)]
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
    database.dispose()


def test_sqlalchemy_async(engine: Engine) -> None:
    async def run() -> None:
        url = f"postgresql+asyncpg://materialize@{engine.host}:{engine.port}/materialize"
        database = create_async_engine(url)
        async with database.connect() as connection:
            query = sqlalchemy.text("SELECT name FROM items WHERE n > :n")
            assert (await connection.execute(query, {"n": 1})).all() == [("tab\t\\slash",)]
        await database.dispose()

    asyncio.run(run())


def test_momoko_with_the_questions_of_the_server(engine: Engine) -> None:
    """One statement tells rows, time and start; it must answer for an empty view too."""

    async def run() -> None:
        pool = momoko.Pool(engine.dsn, size=2, max_size=4)
        await pool.connect()
        sql = "SELECT mz_logical_timestamp(), pg_postmaster_start_time(), * FROM counts"
        answers = await asyncio.gather(*[pool.execute(sql) for _ in range(10)])
        for answer in answers:
            rows = answer.fetchall()
            assert sorted(row[2:] for row in rows) == sorted(engine.ask("SELECT * FROM counts"))
            assert len({row[:2] for row in rows}) == 1
        engine.run("CREATE TABLE empty (a int)")
        sql = (
            "SELECT mz_logical_timestamp(), pg_postmaster_start_time(), v.* FROM (SELECT true) AS"
            " one LEFT JOIN (SELECT true AS present, * FROM empty) AS v ON true"
        )
        ((time, started, present, a),) = (await pool.execute(sql)).fetchall()
        assert (present, a) == (None, None)
        assert time > 1_600_000_000_000
        assert started.year >= 2024
        with pytest.raises(psycopg2.Error, match="unknown catalog item 'nope'"):
            await pool.execute("SELECT * FROM nope")
        pool.close()

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql(engine: Engine) -> None:
    script = (
        "\\pset format unaligned\n\\pset tuples_only on\n"
        "SELECT name, price, data FROM items ORDER BY n;\nSHOW TABLES LIKE 'items';\n"
        "SELECT 1 +;\nCOPY (SELECT n FROM items) TO STDOUT;\n\\echo done\n"
    )
    answer = subprocess.run(
        ["psql", "-X", engine.dsn],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = answer.stdout.splitlines()
    assert 'tab\t\\slash|1.5|{"a":[1]}' in lines
    assert "items" in lines
    assert "9007199254740993" in lines
    assert lines[-1] == "done"
    assert "ERROR:  Expected" in answer.stderr
    assert "LINE 1: SELECT 1 +;" in answer.stderr


@pytest.mark.parametrize(
    ("kind", "value"), [("text", "a\0b"), ("varchar", "\0"), ("text[]", ["a", "b\0"])]
)
def test_a_nul_in_a_parameter_is_refused(engine: Engine, kind: str, value: object) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(
            host=engine.host, port=engine.port, user="materialize", database="materialize"
        )
        with pytest.raises(asyncpg.CharacterNotInRepertoireError, match="0x00"):
            await connection.fetch(f"SELECT $1::{kind}", value)
        assert await connection.fetchval("SELECT $1::bytea", b"a\0b") == b"a\0b"
        await connection.close()

    asyncio.run(scenario())
