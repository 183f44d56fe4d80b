"""`scripts/watch`: a live table in a terminal, and lines of JSON in a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scripts.child import python_module
from scripts.ports import free_port
from scripts.text_query import text_query
from scripts.watch_views import parse_arguments, render, sort_rows
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import Process, wait_until
from tests.support.reader_tokens import SECRET, make_token
from tests.support.serving import Serve
from viewstream.client import View
from viewstream.client.state import receive
from viewstream.protocol import Base, Column

SQL = """
CREATE TABLE orders (customer text, amount int);
INSERT INTO orders VALUES ('[b]Ann', 3), ('Bob', NULL);
CREATE MATERIALIZED VIEW spend AS SELECT customer, amount FROM orders;
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    (tmp_path / "orders.sql").write_text(SQL)
    with Serve(tmp_path, "--sql", "orders.sql") as serve:
        yield serve


class Terminal:
    """A terminal on which scripts/watch runs; `text` is everything that it has shown."""

    def __init__(self, *arguments: str) -> None:
        self._descriptor, theirs = pty.openpty()
        os.set_blocking(self._descriptor, False)
        env = {"TERM": "xterm", "COLUMNS": "60", "LINES": "30", "NO_COLOR": "1"}
        self.process = Process(
            python_module("scripts.watch_views", *arguments), stdout=theirs, env=env
        )
        os.close(theirs)
        self.text = ""

    def shows(self, text: str) -> bool:
        with contextlib.suppress(OSError):  # an ended process closes its side
            self.text += os.read(self._descriptor, 1 << 16).decode(errors="replace")
        return text in self.text

    def close(self) -> None:
        self.process.close()
        os.close(self._descriptor)


def test_a_terminal_shows_the_rows_and_their_changes(serve: Serve) -> None:
    with contextlib.closing(Terminal(serve.url, "spend")) as terminal:
        wait_until(lambda: terminal.shows("[b]Ann"), "the rows are shown")
        wait_until(lambda: terminal.shows("2 rows, live"), "and their number")
        text_query(serve.dsn, "INSERT INTO orders VALUES ('Eve', 9)")
        wait_until(lambda: terminal.shows("3 rows, live"), "the new row is shown")
        assert "Eve" in terminal.text
        terminal.process.send(signal.SIGINT)
        # A terminal that nobody reads would block the last picture.
        wait_until(lambda: terminal.shows("") and not terminal.process.is_running, "it ends")
        assert terminal.process.wait() == 130


def test_a_pipe_gets_a_line_of_json_for_each_row_that_comes_or_goes(serve: Serve) -> None:
    with Process(python_module("scripts.watch_views", serve.url, "spend")) as process:
        assert process.popen.stdout is not None
        lines = process.popen.stdout
        found = [json.loads(lines.readline()) for _ in range(2)]
        assert sorted(found, key=lambda line: line["row"]["customer"]) == [
            {"view": "spend", "change": "+", "row": {"customer": "Bob", "amount": None}},
            {"view": "spend", "change": "+", "row": {"customer": "[b]Ann", "amount": 3}},
        ]
        text_query(serve.dsn, "DELETE FROM orders WHERE customer = 'Bob'")
        gone = {"view": "spend", "change": "-", "row": {"customer": "Bob", "amount": None}}
        assert json.loads(lines.readline()) == gone


def test_a_server_that_is_away_is_reported_once_with_the_reason() -> None:
    command = python_module("scripts.watch_views", f"http://127.0.0.1:{free_port()}", "v")
    with Process(command) as process:
        process.wait_for("^watch: v: connecting: cannot connect to the server: Connect call failed")
        process.send(signal.SIGINT)
        assert process.wait() == 130
        assert len(process.stderr.splitlines()) == 1


def test_an_unknown_view_ends_it_in_one_line(serve: Serve) -> None:
    with Process(python_module("scripts.watch_views", serve.url, "nosuch")) as process:
        assert process.wait() == 1
        refusal = "no view 'nosuch'; there is spend"
        assert process.stderr == f"watch: the server answered 404: {refusal}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["localhost:8888", "v"], "expected a server such as http://127.0.0.1:8888"),
        (["http://localhost", "a.b.c"], "expected a view as NAME or SCHEMA.NAME, found 'a.b.c'"),
    ],
)
def test_arguments_that_cannot_work_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(arguments)
    assert message in capsys.readouterr().err


def view_of(*rows: tuple[str, str | None]) -> View:
    view = View("v")
    columns = [Column("name", "text"), Column("n", "int8")]
    receive(view.state, Base("v", "1-u1", 5, columns, list(rows)))
    return view


def text_of(view: View, sort: str | None, most: int) -> str:
    console = Console(file=StringIO(), width=60)
    with console.capture() as capture:
        console.print(render(view, sort, most))
    return capture.get()


def test_a_long_view_is_cut_and_says_so() -> None:
    text = text_of(view_of(("a", "1"), ("b", "2"), ("c", "3")), "-n", 2)
    assert "2 of 3 rows" in text
    assert text.index("c") < text.index("b")
    assert "│ a" not in text


def test_rows_are_sorted_with_null_last() -> None:
    rows = [{"n": None}, {"n": 10}, {"n": 9}]
    assert [row["n"] for row in sort_rows(rows, None)] == [9, 10, None]
    assert [row["n"] for row in sort_rows(rows, "-n")] == [10, 9, None]
    assert [row["n"] for row in sort_rows(rows, "nosuch")] == [9, 10, None]


def test_rows_are_text_and_never_markup() -> None:
    assert "[red]x" in text_of(view_of(("[red]x", None)), None, 5)


def test_a_token_of_the_environment_is_sent(tmp_path: Path) -> None:
    (tmp_path / "reader.keys").write_text(SECRET)
    keys = ("--reader-key", str(tmp_path / "reader.keys"))
    with FakeEngine() as engine, Served(engine, *keys) as served:
        command = python_module("scripts.watch_views", served.url, "top10")
        served.post(900, 1001)
        with Process(command, env={"VIEWSTREAM_READER_TOKEN": make_token()}) as process:
            assert process.popen.stdout is not None
            assert b'"user": "Alice"' in process.popen.stdout.readline()
        with Process(command) as process:
            assert process.wait() == 1
            assert "expected a token" in process.output
