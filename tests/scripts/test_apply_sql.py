"""The script that applies `sql/`: what it sends, what it waits for, what it gives up on."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from scripts.apply_sql import FOLDER, ApplyError, apply, read_statements, statements, substitute
from tests.support.processes import Process, start_engine, wait_until
from tests.support.scripted_wire import ScriptedWire, Session

VIEWS = ["wikimedia", "recentchanges", "counter", "useredits", "top10"]


def apply_sql(*arguments: str | Path) -> Process:
    return Process([sys.executable, "-m", "scripts.apply_sql", *arguments])


def applied(session: Session, statement: str) -> None:
    session.tag("CREATE SOURCE" if "SOURCE" in statement else "CREATE VIEW")


def test_statements_are_told_apart_as_sql_does() -> None:
    sql = """
        -- a comment; with a semicolon
        SELECT ';', "a;b", 'it''s' /* ; */;;
        SELECT $$;$$;
        SELECT 3 -- no semicolon at the end
    """
    assert [statement.split("\n")[-1].strip() for statement in statements(sql)] == [
        """SELECT ';', "a;b", 'it''s' /* ; */""",
        "SELECT $$;$$",
        "SELECT 3 -- no semicolon at the end",
    ]
    assert list(statements(" ; -- nothing\n;")) == []


def test_a_variable_becomes_a_string_literal() -> None:
    assert substitute("FROM FILE :'source' x::'y'", {"source": "/it's"}) == (
        "FROM FILE '/it''s' x::'y'"
    )
    with pytest.raises(ApplyError, match="the SQL needs a value for :'source': give --source"):
        substitute("FROM FILE :'source'", {})


def test_sql_creates_the_source_and_the_views_in_order_and_may_be_run_again() -> None:
    todo = read_statements(sorted(FOLDER.glob("*.sql")), {"source": "/data/changes"})
    assert [file.stem.split("_")[1] for file, _ in todo] == VIEWS
    for (_, statement), name in zip(todo, VIEWS, strict=True):
        assert f"IF NOT EXISTS {name}" in statement
        assert "OR REPLACE" not in statement, "a new id would be a new history"


def test_it_waits_for_an_engine_that_does_not_answer_and_for_the_file() -> None:
    with ScriptedWire(lambda statement, session: None) as wire:
        port, dsn = wire.port, wire.dsn
    ready = threading.Event()

    def scenario(statement: str, session: Session) -> None:
        if "CREATE SOURCE" in statement and not ready.is_set():
            session.error("No such file or directory (os error 2)")
        else:
            applied(session, statement)

    with apply_sql("--dsn", dsn, "--source", "/data/changes") as process:
        process.wait_for("apply_sql: waiting: .*Connection refused")
        with ScriptedWire(scenario, port) as wire:
            wait_until(lambda: len(wire.statements) >= 2, "two tries")
            assert process.popen.poll() is None
            ready.set()
            assert process.wait() == 0
    created = [statement for statement in wire.statements if "CREATE SOURCE" not in statement]
    assert len(created) == 4, "what was done is not done again"
    assert "FROM FILE '/data/changes'" in wire.statements[-5]
    assert process.stderr.endswith("apply_sql: applied 5 statements of 5 files\n")


def test_a_lost_connection_is_made_again() -> None:
    lost = iter([True])

    def scenario(statement: str, session: Session) -> None:
        if "useredits" in statement and next(lost, False):
            session.lose()
        applied(session, statement)

    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn, "--source", "/x") as process:
        assert process.wait() == 0
    assert sum("CREATE SOURCE" in statement for statement in wire.statements) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "/x"], "apply_sql: 30_counter.sql: no room for this"),
        ([], "apply_sql: the SQL needs a value for :'source': give --source"),
        (["--source", "x"], "expected an absolute path, found 'x'"),
        (["/nowhere.sql"], "No such file or directory: '/nowhere.sql'"),
    ],
)
def test_what_cannot_be_applied_is_said_in_one_line(arguments: list[str], message: str) -> None:
    def scenario(statement: str, session: Session) -> None:
        if "counter" in statement:
            session.error("no room for this")
        else:
            applied(session, statement)

    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn, *arguments) as process:
        assert process.wait() != 0
    assert message in process.stderr.splitlines()[-1]


def test_the_file_that_the_engine_cannot_find_is_named(dsn: str, tmp_path: Path) -> None:
    missing = tmp_path / "no changes"
    arguments = ("--dsn", dsn, "--source", missing, "--wait", "0.2")
    with apply_sql(*arguments) as process:
        assert process.wait() == 1
    reason = f"10_wikimedia.sql: the engine cannot find the source's file '{missing}'"
    assert process.stderr.splitlines() == [
        f"apply_sql: waiting: {reason}",
        f"apply_sql: gave up after 0.2 s: {reason}",
    ]


def test_it_gives_up_in_the_end() -> None:
    with ScriptedWire(lambda statement, session: None) as wire:
        dsn = wire.dsn
    with pytest.raises(ApplyError, match=r"gave up after 0\.2 s: .*Connection refused"):
        apply(dsn, [], 0.2)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    engine, dsn = start_engine()
    with closing(engine):
        yield dsn


def test_on_the_engine_it_may_be_run_again_and_changes_nothing(dsn: str, tmp_path: Path) -> None:
    source = tmp_path / "it's changes"
    source.touch()
    ids = []
    for _ in range(2):
        with apply_sql("--dsn", dsn, "--source", source) as process:
            assert process.wait() == 0, process.stderr
        ids.append(relation_ids(dsn))
    assert set(ids[0]) == set(VIEWS)
    assert ids[0] == ids[1]


def relation_ids(dsn: str) -> dict[str, str]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT name, id FROM mz_objects WHERE id LIKE 'u%' AND type <> 'index'")
        return dict(cursor.fetchall())
