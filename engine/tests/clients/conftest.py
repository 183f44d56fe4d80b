"""One engine for each file of tests, with a table, a view over it, and a followed file."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from engine.tests.support.processes import Process, start_engine, wait_until


@dataclass
class Engine:
    """`process` is the engine; `events` is the file that its source follows, a line a row."""

    process: Process
    dsn: str
    host: str
    port: int
    events: Path

    def connect(self) -> psycopg2.extensions.connection:
        """A psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = True
        return connection

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """The answer to a query, on a connection of its own."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def run(self, *statements: str) -> None:
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def wait_for_tails(self, count: int) -> None:
        """Wait until exactly `count` TAILs are running."""
        wait_until(
            lambda: self.ask("SELECT count(*) FROM mz_tails") == [(count,)], f"{count} TAILs"
        )


class Copy(threading.Thread):
    """Runs one COPY in the background and collects its lines."""

    def __init__(self, dsn: str, sql: str) -> None:
        super().__init__()
        self.connection = psycopg2.connect(dsn)
        self.received = io.BytesIO()
        self.error: BaseException | None = None
        self._sql = sql
        self.start()

    def run(self) -> None:
        try:
            self.connection.cursor().copy_expert(self._sql, self.received)
        except psycopg2.Error as error:
            self.error = error

    @property
    def rows(self) -> list[list[str]]:
        lines = self.received.getvalue().decode().split("\n")[:-1]
        return [line.split("\t") for line in lines]

    def stop(self) -> None:
        self.connection.cancel()
        self.join(10)
        assert not self.is_alive()
        self.connection.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    events = tmp_path_factory.mktemp("source") / "events"
    events.write_text("a\nb\n")
    process, dsn = start_engine()
    with process:
        host, port = dsn.split()[0].removeprefix("host="), dsn.split()[1].removeprefix("port=")
        engine = Engine(process, dsn, host, int(port), events)
        engine.run(
            "CREATE TABLE items (name text, price numeric, n bigint, at timestamptz, data jsonb,"
            " good bool)",
            "INSERT INTO items VALUES"
            " ('tab\t\\slash', 1.50, 9007199254740993, '2020-01-02 01:04:05+00', '{\"a\": [1]}',"
            " true), ('', NULL, NULL, NULL, NULL, false)",
            f"CREATE SOURCE lines FROM FILE '{events}' WITH (tail = true) FORMAT TEXT",
            "CREATE MATERIALIZED VIEW counts AS SELECT text, count(*) AS n FROM lines GROUP BY 1",
        )
        wait_until(lambda: len(engine.ask("SELECT * FROM counts")) == 2, "the file was read")
        yield engine


@pytest.fixture(scope="session")
def psql() -> str:
    """The path of psql."""
    path = shutil.which("psql")
    if path is None:
        pytest.skip("psql is not installed")
    return path
