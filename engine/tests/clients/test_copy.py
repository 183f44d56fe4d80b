"""COPY in both directions, through drivers."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections.abc import Iterator
from decimal import Decimal

import asyncpg
import psycopg
import psycopg2
import psycopg2.errors
import pytest

from engine.tests.clients.conftest import Engine

ROWS = [(1, "one", Decimal("1.50")), (2, None, None), (2, None, None), (3, "a\tb\\\n", Decimal(2))]


@pytest.fixture
def table(engine: Engine) -> Iterator[str]:
    engine.run("CREATE TABLE copied (n int NOT NULL, t varchar(8), d numeric(4,2) DEFAULT 7)")
    yield "copied"
    engine.run("DROP TABLE copied")


def rows(engine: Engine) -> list[tuple[object, ...]]:
    return engine.ask("SELECT n, t, d FROM copied ORDER BY n")


def test_psycopg2_copies_to_and_from(engine: Engine, table: str) -> None:
    connection = psycopg2.connect(engine.dsn)
    text = io.StringIO("1\tone\t1.5\n2\t\\N\t\\N\n2\t\\N\t\\N\n3\ta\\tb\\\\\\n\t2\n")
    with connection, connection.cursor() as cursor:
        cursor.copy_from(text, table)
        assert cursor.rowcount == 4
        assert rows(engine) == []  # not before COMMIT
    assert rows(engine) == ROWS
    received = io.StringIO()
    with connection, connection.cursor() as cursor:
        cursor.copy_to(received, table, sep=",", null="-", columns=("t", "n"))
    assert sorted(received.getvalue().splitlines()) == ["-,2", "-,2", "a\\tb\\\\\\n,3", "one,1"]
    connection.close()


def test_csv_goes_out_as_it_came_in(engine: Engine, table: str) -> None:
    given = 'd,t,n\n1.50,one,1\n,"",2\n2,"a,""b\n",3\n'
    with psycopg.connect(engine.dsn, autocommit=True) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} (d, t, n) FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
            for byte in given:
                copy.write(byte)
        assert cursor.rowcount == 3
        with cursor.copy(
            f"COPY (SELECT d, t, n FROM {table} ORDER BY n) TO STDOUT CSV HEADER"
        ) as copy:
            assert b"".join(copy).decode() == given.replace("1.50", "1.5")


def test_columns_that_are_not_listed_have_their_default(engine: Engine, table: str) -> None:
    connection = engine.connect()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} (n) FROM STDIN", io.StringIO("5\n"))
    connection.close()
    assert rows(engine) == [(5, None, Decimal(7))]


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("x\ta\t1\n", "XX000", 'invalid input syntax for type integer: .*"x"'),
        ("1\n", "22P04", "missing data for column 2: expected 3 values, found 1"),
        ("1\ta\t1\t2\n", "22P04", "extra data after last expected column"),
        ("\\N\ta\t1\n", "23502", 'null value in column "n"'),
        ("1\tmore than 8\t1\n", "XX000", "value too long"),
        ("1\ta\t1000\n", "XX000", "numeric field overflow"),
    ],
)
def test_a_bad_row_leaves_nothing(
    engine: Engine, table: str, data: str, code: str, message: str
) -> None:
    connection = engine.connect()
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error, match=message) as caught:
            cursor.copy_from(io.StringIO("7\ta\t1\n" + data + "8\tb\t1\n"), table)
        assert caught.value.pgcode == code
        cursor.execute("SELECT 1")  # the connection goes on
    connection.close()
    assert rows(engine) == []


def test_a_client_that_gives_up_leaves_nothing(engine: Engine, table: str) -> None:
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        cursor = connection.cursor()
        with pytest.raises(KeyError), cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write("1\ta\t1\n")
            raise KeyError
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert rows(engine) == []


def test_asyncpg_copies_csv(engine: Engine, table: str) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(
            host=engine.host, port=engine.port, user="materialize", database="materialize"
        )
        source = io.BytesIO(b"1;one;1.5\n")
        tag = await connection.copy_to_table(table, source=source, format="csv", delimiter=";")
        assert tag == "COPY 1"
        await connection.close()

    asyncio.run(scenario())
    assert rows(engine) == ROWS[:1]


def test_psql_copies(engine: Engine, table: str, psql: str) -> None:
    done = subprocess.run(
        [psql, "-X", engine.dsn, "-c", f"\\copy {table} from pstdin csv"],
        input="1,one,1.5\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("COPY 1\n", "")
    assert rows(engine) == ROWS[:1]


def test_a_file_of_the_server_is_refused(engine: Engine, table: str) -> None:
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="file or program of the server"):
        engine.run(f"COPY {table} FROM '/etc/passwd'")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="format 'binary'"):
        engine.run(f"COPY {table} FROM STDIN (FORMAT binary)")
    with pytest.raises(psycopg2.Error, match="is not a table that can be written to"):
        engine.run("COPY counts FROM STDIN")
