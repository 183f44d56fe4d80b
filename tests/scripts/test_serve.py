"""`scripts/serve`: one's own SQL, served, watched, and healed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import requests

from scripts.text_query import text_query
from tests.support.following import following
from tests.support.processes import start_engine, wait_until
from tests.support.serving import Serve, run_serve

TABLE = """
CREATE TABLE orders (customer text, amount int);
INSERT INTO orders VALUES ('Ann', 3), ('Bob', 4);
CREATE MATERIALIZED VIEW spend AS
SELECT customer, sum(amount) AS total FROM orders GROUP BY customer;
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A folder with one's own SQL."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "orders.sql").write_text(TABLE)
    yield folder


def states(serve: Serve) -> list[str]:
    """Return the states of the views that it has printed."""
    lines = serve.output.splitlines()
    return [line.removeprefix("views: ") for line in lines if line.startswith("views: ")]


def test_a_view_that_an_edit_adds_is_served_without_a_restart(own: Path) -> None:
    async def follow(serve: Serve) -> None:
        async with following(serve.url, "number") as client:
            await client.until_rows("number", ("2",))
            await asyncio.to_thread(text_query, serve.dsn, "INSERT INTO orders VALUES ('Ann', 1)")
            await client.until_rows("number", ("3",))

    with Serve(own, "--sql", "orders.sql", "--watch") as serve:
        wait_until(lambda: "spend ok" in states(serve), "the first view is ok")
        server = serve.pid_of("server")
        with (own / "orders.sql").open("a") as file:
            file.write("CREATE MATERIALIZED VIEW number AS SELECT count(*) AS n FROM orders;")
        wait_until(lambda: "spend ok; number ok" in states(serve), "both views are ok")
        asyncio.run(follow(serve))
        assert serve.pid_of("server") == server


def test_an_error_in_an_edit_is_shown_and_changes_nothing(own: Path) -> None:
    with Serve(own, "--sql", "orders.sql", "--watch") as serve:
        assert serve.url
        (own / "orders.sql").write_text(TABLE.replace("sum(amount)", "sum(nosuch)"))
        serve.wait_for(r"^sql: orders\.sql: .*nosuch")
        serve.wait_until_rows("spend", ("Ann", "3"), ("Bob", "4"))
        (own / "orders.sql").write_text(TABLE.replace("sum(amount)", "max(amount)"))
        serve.wait_for("replaced spend")


@pytest.mark.parametrize("part", ["engine", "server", "pipeline"])
def test_each_part_that_is_killed_is_started_again(own: Path, part: str) -> None:
    async def kill_and_follow(serve: Serve) -> None:
        async with following(serve.url, "spend") as client:
            await client.until_rows("spend", ("Ann", "3"), ("Bob", "4"))
            os.kill(serve.pid_of(part), signal.SIGKILL)
            await client.until(lambda: f"{part}: ended with status -9" in serve.output)
            await asyncio.to_thread(insert, serve.dsn)
            await client.until_rows("spend", ("Ann", "4"), ("Bob", "4"))

    def insert(dsn: str) -> None:
        """Insert once the engine takes it."""

        def is_done() -> bool:
            try:
                text_query(dsn, "INSERT INTO orders VALUES ('Ann', 1)")
            except psycopg2.OperationalError:
                return False
            return True

        wait_until(is_done, "the engine takes a row")

    with Serve(own, "--sql", "orders.sql") as serve:
        assert serve.url
        asyncio.run(kill_and_follow(serve))


def test_a_second_start_finds_its_data_and_changes_nothing(own: Path) -> None:
    with Serve(own, "--sql", "orders.sql") as serve:
        assert serve.url
        text_query(serve.dsn, "INSERT INTO orders VALUES ('Ann', 1)")
    assert serve.popen.returncode == 128 + signal.SIGTERM
    with Serve(own, "--sql", "orders.sql") as serve:
        serve.wait_for(r"^sql: unchanged orders, spend$")
        serve.wait_for(rf"^    watch     .*/scripts/watch {serve.url} spend$")
        serve.wait_until_rows("spend", ("Ann", "4"), ("Bob", "4"))
    (own / "orders.sql").write_text(TABLE.replace("sum", "max"))
    with Serve(own, "--sql", "orders.sql") as serve:
        serve.wait_for("orders.sql: spend differs from the file; kept; use --watch, which replaces")
        serve.wait_until_rows("spend", ("Ann", "4"), ("Bob", "4"))


def test_all_views_are_those_of_the_engine_also_later_ones(tmp_path: Path) -> None:
    engine, dsn = start_engine()
    with engine:
        text_query(
            dsn,
            "CREATE TABLE t (n int)",
            "CREATE VIEW plain AS SELECT n FROM t",
            "CREATE MATERIALIZED VIEW a AS SELECT n FROM t",
        )
        with Serve(tmp_path, "--all", dsn=dsn) as serve:
            wait_until(lambda: "a ok" in states(serve), "the view is ok")
            text_query(dsn, "CREATE MATERIALIZED VIEW b AS SELECT n + 1 AS n FROM t")
            wait_until(lambda: "a ok; b ok" in states(serve), "the later view, too")
            assert "engine started" not in serve.output


def test_an_unknown_view_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    engine, dsn = start_engine()
    with engine:
        text_query(dsn, "CREATE TABLE top10 (n int)", "CREATE TABLE counter (n int)")
        with Serve(tmp_path, "top10", "nosuch", dsn=dsn) as serve:
            expected = "top10 ok; nosuch: unknown view, there are counter, top10"
            wait_until(lambda: expected in states(serve), f"{expected}:\n{serve.output}")
            assert requests.get(f"{serve.url}/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected views, --all, or SQL files that create some (--sql FILE)"),
        (["--all", "v"], "expected views or --all, and not both"),
        (["v", "--watch"], "--watch needs SQL files to watch: give --sql"),
        (["a.b.c"], "expected a view as NAME or SCHEMA.NAME, found 'a.b.c'"),
        (["--sql", "nosuch.sql"], "argument --sql: there is no 'nosuch.sql'"),
        (["v", "--static", "nosuch"], "argument --static: expected a folder, found 'nosuch'"),
    ],
)
def test_options_that_cannot_work_are_refused(
    tmp_path: Path, options: list[str], message: str
) -> None:
    ended = run_serve(tmp_path, *options)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == f"scripts/serve: error: {message}"


def test_an_error_in_the_files_ends_it_in_one_line(own: Path) -> None:
    (own / "orders.sql").write_text("CREATE SOURCE s FROM FILE :'orders' FORMAT TEXT;")
    ended = run_serve(own, "--sql", "orders.sql", "--port", "0", "--engine-port", "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == ("serve: the SQL needs a value for :'orders': give --set orders=VALUE\n")
