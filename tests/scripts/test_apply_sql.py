"""`scripts/apply_sql`: what it sends, waits for, and prints; see also tests/scripts/sql_files."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.ports import free_port
from scripts.sql_files.apply import apply
from scripts.sql_files.statements import WIKIS, SqlFileError
from tests.support.processes import Process, start_engine, wait_until
from tests.support.scripted_wire import TEXT, ScriptedWire, Session


def apply_sql(*arguments: str | Path) -> Process:
    return Process([sys.executable, "-m", "scripts.apply_sql", *arguments])


def applied(session: Session, statement: str, version: str = "v0.26.4") -> None:
    """Answer as an engine that has no relations yet."""
    if "mz_version" in statement:
        session.rows([("mz_version", TEXT)], [[version]])
    elif "mz_objects" in statement:
        session.rows([("type", TEXT)], [])
    else:
        session.tag("CREATE SOURCE" if "SOURCE" in statement else "CREATE VIEW")


def creations(wire: ScriptedWire) -> list[str]:
    return [statement for statement in wire.statements if "CREATE" in statement]


def test_it_waits_for_an_engine_that_does_not_answer_and_for_the_file() -> None:
    port = free_port()
    with ScriptedWire(lambda statement, session: None, port) as wire:
        dsn = wire.dsn
    ready = threading.Event()

    def scenario(statement: str, session: Session) -> None:
        if "CREATE SOURCE" in statement and not ready.is_set():
            session.error("No such file or directory (os error 2)")
        else:
            applied(session, statement)

    with apply_sql("--dsn", dsn, "--source", "/data/changes") as process:
        process.wait_for("apply_sql: waiting: .*Connection refused")
        with ScriptedWire(scenario, port) as wire:
            wait_until(lambda: len(creations(wire)) >= 2, "two tries")
            assert process.is_running
            ready.set()
            assert process.wait() == 0
    created = [statement for statement in creations(wire) if "CREATE SOURCE" not in statement]
    assert len(created) == 15
    assert any("FROM FILE '/data/changes'" in statement for statement in creations(wire))
    assert any(f"FROM FILE '{WIKIS}'" in statement for statement in creations(wire))
    created = "apply_sql: created wikimedia, wikis, recentchanges, recent_edits, counter, "
    assert created + "useredits, top10, top10_hour" in process.stderr


def test_it_connects_again_after_a_lost_connection() -> None:
    lost = iter([True])

    def scenario(statement: str, session: Session) -> None:
        if "useredits" in statement and next(lost, False):
            session.lose()
        applied(session, statement)

    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn, "--source", "/x") as process:
        assert process.wait() == 0
    assert process.stderr.count("waiting: 40_useredits.sql: ") == 1


def test_the_greeting_of_an_engine_stays_out_of_the_log() -> None:
    def scenario(statement: str, session: Session) -> None:
        applied(session, statement)

    with ScriptedWire(scenario) as wire:
        wire.greeting = ["a welcome"]
        with apply_sql("--dsn", wire.dsn, "--source", "/x") as process:
            assert process.wait() == 0
    assert "welcome" not in process.stderr


def test_a_version_without_file_sources_gets_a_webhook_source() -> None:
    def scenario(statement: str, session: Session) -> None:
        applied(session, statement, "v26.28.0")

    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn) as process:
        assert process.wait() == 0
    created = [re.sub(r"--.*\n", "", statement) for statement in creations(wire)]
    assert "wikimedia_posts FROM WEBHOOK BODY FORMAT JSON" in created[0]
    assert "MATERIALIZED VIEW IF NOT EXISTS wikimedia AS" in created[1]
    assert [statement.split()[1] for statement in created].count("MATERIALIZED") == 13
    assert any("CREATE VIEW IF NOT EXISTS wikis AS" in statement for statement in created)
    assert not any("mz_logical_timestamp" in statement for statement in created)
    assert sum("mz_now() <" in statement for statement in created) == 6
    assert "scripts/source --post http://HOST:6876/api/webhook/" in process.stderr
    assert (
        "apply_sql: created wikimedia_posts, wikimedia, wikis, recentchanges, recent_edits, "
        "counter, useredits, top10, " in process.stderr
    )


def test_a_file_source_on_a_version_that_has_none_says_what_to_do(tmp_path: Path) -> None:
    def scenario(statement: str, session: Session) -> None:
        if "FROM FILE" in statement:
            session.error("Expected one of KAFKA or POSTGRES .., found FILE", "42601")
        else:
            applied(session, statement, "v26.28.0")

    file = tmp_path / "own.sql"
    file.write_text("CREATE SOURCE own FROM FILE '/x' FORMAT TEXT")
    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn, file) as process:
        assert process.wait() == 1
    assert process.stderr.splitlines()[-1] == (
        "apply_sql: own.sql: Expected one of KAFKA or POSTGRES .., found FILE; "
        "this version has no file sources: see docs/materialize.md"
    )


@pytest.mark.parametrize("version", ["next", "PostgreSQL 15"])
def test_an_engine_of_an_unknown_version_is_refused(version: str) -> None:
    def scenario(statement: str, session: Session) -> None:
        applied(session, statement, version)

    with ScriptedWire(scenario) as wire, apply_sql("--dsn", wire.dsn) as process:
        assert process.wait() == 1
    assert f"found {version!r}" in process.stderr
    assert creations(wire) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "/x"], "apply_sql: 30_counter.sql: no room for this"),
        ([], "apply_sql: the SQL needs a value for :'source': give --source PATH"),
        (["--set", "x"], "apply_sql: expected --set NAME=VALUE, found 'x'"),
        (["--source", "x"], "expected an absolute path, found 'x'"),
        (["/nowhere.sql"], "No such file or directory: '/nowhere.sql'"),
    ],
)
def test_an_error_is_one_line(arguments: list[str], message: str) -> None:
    def scenario(statement: str, session: Session) -> None:
        if "VIEW IF NOT EXISTS counter" in statement:
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
    *waiting, last = process.stderr.splitlines()
    assert last == f"apply_sql: gave up after 0.2 s: {reason}"
    assert set(waiting) <= {f"apply_sql: waiting: {reason}"}  # none if the first try was too slow


def test_it_gives_up_after_the_wait() -> None:
    with ScriptedWire(lambda statement, session: None) as wire:
        dsn = wire.dsn
    with pytest.raises(SqlFileError, match=r"gave up after 0\.2 s: .*Connection refused"):
        apply(dsn, [], wait=0.2)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    engine, dsn = start_engine()
    with closing(engine):
        yield dsn
