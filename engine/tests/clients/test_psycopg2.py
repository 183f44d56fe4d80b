"""psycopg2, which `tail_view.py` and momoko use: COPY, cursors, cancelling, transactions."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import psycopg2
import psycopg2.extensions
import pytest

from engine.tests.clients.conftest import Copy, Engine
from engine.tests.support.processes import wait_until

ITEMS = [
    (
        "tab\t\\slash",
        Decimal("1.5"),
        9007199254740993,
        datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC),
        {"a": [1]},
        True,
    ),
    ("", None, None, None, None, False),
]


def test_values_come_as_their_types(engine: Engine) -> None:
    assert engine.ask("SELECT * FROM items ORDER BY n") == ITEMS


def test_an_error_has_its_code_and_place(engine: Engine) -> None:
    with pytest.raises(psycopg2.errors.SyntaxError) as caught:
        engine.ask("SELECT 1 +\nFROM x x x")
    assert "Expected" in str(caught.value)
    assert "LINE 2" in str(caught.value)
    with pytest.raises(psycopg2.Error, match="unknown catalog item 'nope'") as unknown:
        engine.ask("SELECT * FROM nope")
    assert unknown.value.pgcode == "XX000"
    with pytest.raises(psycopg2.Error, match='column "nope" does not exist'):
        engine.ask("SELECT nope FROM items")


def test_copy_of_a_select(engine: Engine) -> None:
    connection, received = engine.connect(), io.StringIO()
    connection.cursor().copy_expert("COPY (SELECT * FROM items ORDER BY n) TO STDOUT", received)
    assert received.getvalue() == (
        "tab\\t\\\\slash\t1.5\t9007199254740993\t2020-01-02 01:04:05+00\t"
        '{"a":[1]}\tt\n'
        "\t\\N\t\\N\t\\N\t\\N\tf\n"
    )
    connection.close()


def test_copy_of_a_tail_goes_on_until_it_is_cancelled(engine: Engine) -> None:
    engine.run("CREATE TABLE growing (a int)", "INSERT INTO growing VALUES (1), (1)")
    copy = Copy(engine.dsn, "COPY (TAIL growing WITH (PROGRESS)) TO STDOUT")
    wait_until(lambda: ["f", "2", "1"] in [row[1:] for row in copy.rows], "the snapshot")
    engine.run("INSERT INTO growing VALUES (2)")
    wait_until(lambda: ["f", "1", "2"] in [row[1:] for row in copy.rows], "the new row")
    copy.stop()
    assert isinstance(copy.error, psycopg2.errors.QueryCanceled)
    assert "canceling statement due to user request" in str(copy.error)
    times = [int(row[0]) for row in copy.rows]
    assert times == sorted(times)


def test_a_closed_socket_ends_a_tail_that_says_nothing(engine: Engine) -> None:
    """No progress, no change: nothing is ever written that could fail."""
    program = (
        "import psycopg2, sys\n"
        f"connection = psycopg2.connect({engine.dsn!r})\n"
        "connection.cursor().copy_expert('COPY (TAIL items WITH (SNAPSHOT = false)) TO STDOUT',"
        " sys.stdout)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    engine.wait_for_tails(1)
    process.kill()
    process.wait(60)
    engine.wait_for_tails(0)


def test_snapshot_and_progress_at_a_time(engine: Engine) -> None:
    ((now,),) = engine.ask("SELECT mz_logical_timestamp() FROM counts LIMIT 1")
    copy = Copy(engine.dsn, f"COPY (TAIL counts AS OF {now}) TO STDOUT")
    wait_until(lambda: len(copy.rows) == 2, "the rows as of then")
    assert {tuple(row) for row in copy.rows} == {(str(now), "1", t, "1") for t in "ab"}
    copy.stop()
    with engine.events.open("a") as file:
        file.write("a\n")
    wait_until(lambda: ("a", 2) in engine.ask("SELECT * FROM counts"), "the line was read")
    copy = Copy(engine.dsn, f"COPY (TAIL counts WITH (SNAPSHOT = false) AS OF {now}) TO STDOUT")
    wait_until(lambda: len(copy.rows) == 2, "the change since")
    assert sorted(row[1:] for row in copy.rows) == [["-1", "a", "1"], ["1", "a", "2"]]
    copy.stop()
    select = f"SELECT text, n FROM counts ORDER BY text AS OF {now}"
    assert engine.ask(select) == [("a", 1), ("b", 1)]


def test_a_time_that_cannot_be(engine: Engine) -> None:
    with pytest.raises(psycopg2.Error, match=r"Timestamp \(0\) is not valid for all inputs"):
        engine.ask("SELECT * FROM counts AS OF 0")
    with pytest.raises(psycopg2.Error, match="out of range integral type conversion attempted"):
        engine.ask("SELECT * FROM counts AS OF -1")
    with pytest.raises(psycopg2.Error, match="expected a time after AS OF"):
        engine.ask("SELECT * FROM counts AS OF true")


def test_a_cursor_of_a_tail(engine: Engine) -> None:
    connection = psycopg2.connect(engine.dsn)
    cursor = connection.cursor()
    cursor.execute("DECLARE c CURSOR FOR TAIL (SELECT name FROM items) WITH (PROGRESS)")
    cursor.execute("FETCH 1 c")
    assert cursor.statusmessage == "FETCH 1"
    assert [column.name for column in cursor.description] == [
        "mz_timestamp",
        "mz_progressed",
        "mz_diff",
        "name",
    ]
    first = cursor.fetchall()
    cursor.execute("FETCH 1 c WITH (timeout = '5s')")
    assert {row[3] for row in first + cursor.fetchall()} == {"", "tab\t\\slash"}
    cursor.execute("FETCH ALL c WITH (timeout = '0s')")
    begun = time.monotonic()
    cursor.execute("FETCH 100000 c WITH (timeout = '300ms')")
    assert time.monotonic() - begun >= 0.3
    assert all(row[1] and row[2] is None for row in cursor.fetchall())
    cursor.execute("FETCH c")
    assert cursor.rowcount == 1
    cursor.execute("CLOSE c")
    with pytest.raises(psycopg2.Error, match='cursor "c" does not exist'):
        cursor.execute("FETCH c")
    connection.close()


def test_a_named_cursor_of_a_select(engine: Engine) -> None:
    connection = psycopg2.connect(engine.dsn)
    cursor = connection.cursor("mine")
    cursor.itersize = 10
    cursor.execute("SELECT i FROM generate_series(1, 95) AS g(i)")
    assert [row[0] for row in cursor] == list(range(1, 96))
    connection.commit()
    connection.close()


def test_a_cancelled_query_leaves_a_usable_connection(engine: Engine) -> None:
    connection = engine.connect()
    cursor = connection.cursor()
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        cursor.execute("SELECT * FROM counts AS OF 9999999999999")
    timer.join()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    connection.cancel()
    cursor.execute("SELECT 2")
    assert cursor.fetchall() == [(2,)]
    connection.close()


def test_reads_of_one_transaction_see_one_time(engine: Engine) -> None:
    engine.run("CREATE TABLE moving (a int)")
    connection = psycopg2.connect(engine.dsn)
    cursor = connection.cursor()
    query = "SELECT mz_logical_timestamp(), count(*) FROM moving"
    cursor.execute(query)
    first = cursor.fetchall()
    engine.run("INSERT INTO moving VALUES (1)")
    cursor.execute(query)
    assert cursor.fetchall() == first
    connection.commit()
    cursor.execute(query)
    assert cursor.fetchall()[0][1] == 1
    connection.close()


def test_writes_of_one_transaction_come_together_or_not_at_all(engine: Engine) -> None:
    engine.run("CREATE TABLE written (a int)")
    connection = psycopg2.connect(engine.dsn)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO written VALUES (1), (2)")
    assert cursor.rowcount == 2
    cursor.execute("INSERT INTO written VALUES (3)")
    assert engine.ask("SELECT count(*) FROM written") == [(0,)]
    with pytest.raises(psycopg2.Error, match="transaction in write-only mode"):
        cursor.execute("SELECT * FROM written")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute("SELECT 1")
    connection.rollback()
    assert engine.ask("SELECT count(*) FROM written") == [(0,)]
    cursor.execute("INSERT INTO written VALUES (4)")
    cursor.execute("INSERT INTO written VALUES (5)")
    connection.commit()
    assert engine.ask("SELECT a FROM written ORDER BY a") == [(4,), (5,)]
    connection.close()


def test_savepoints(engine: Engine) -> None:
    engine.run("CREATE TABLE saved (a int)")
    connection = psycopg2.connect(engine.dsn)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO saved VALUES (1)")
    cursor.execute("SAVEPOINT s")
    cursor.execute("INSERT INTO saved VALUES (2)")
    with pytest.raises(psycopg2.Error):
        cursor.execute("SELECT nonsense FROM saved")
    cursor.execute("ROLLBACK TO SAVEPOINT s")
    cursor.execute("INSERT INTO saved VALUES (3)")
    cursor.execute("RELEASE s")
    with pytest.raises(psycopg2.Error, match='savepoint "s" does not exist'):
        cursor.execute("ROLLBACK TO s")
    connection.rollback()
    cursor.execute("INSERT INTO saved VALUES (1); SAVEPOINT s; INSERT INTO saved VALUES (2)")
    cursor.execute("ROLLBACK TO s")
    connection.commit()
    assert engine.ask("SELECT a FROM saved") == [(1,)]
    connection.close()


def test_what_a_transaction_may_not_do(engine: Engine) -> None:
    def refused(*statements: str) -> str:
        connection = psycopg2.connect(engine.dsn)
        try:
            with pytest.raises(psycopg2.Error) as caught:
                for statement in statements:
                    connection.cursor().execute(statement)
            return str(caught.value)
        finally:
            connection.close()

    only = "TAIL in transactions must be the only read statement"
    declare = "DECLARE c CURSOR FOR TAIL items"
    assert only in refused(declare, "FETCH 1 c", "SELECT * FROM items")
    assert only in refused("SELECT * FROM items", declare, "FETCH 1 c")
    alone = "cannot be run inside a transaction block"
    assert alone in refused("CREATE VIEW x AS SELECT 1")
    assert alone in refused("DELETE FROM items")
    assert engine.ask("SELECT count(*) FROM items") == [(2,)]


def test_notices_and_settings(engine: Engine) -> None:
    connection = engine.connect()
    cursor = connection.cursor()
    cursor.execute("COMMIT")
    assert "there is no transaction in progress" in connection.notices[-1]
    cursor.execute("SET application_name = 'mine'")
    assert connection.get_parameter_status("application_name") == "mine"
    cursor.execute("SHOW application_name")
    assert cursor.fetchall() == [("mine",)]
    with pytest.raises(psycopg2.Error, match='unrecognized configuration parameter "nope"'):
        cursor.execute("SET nope = 1")
    with pytest.raises(psycopg2.Error, match='"TimeZone" can only be set to "UTC"'):
        cursor.execute("SET timezone = 'Europe/Berlin'")
    connection.close()
    with pytest.raises(psycopg2.OperationalError, match='unknown database "nope"'):
        psycopg2.connect(f"{engine.dsn} dbname=nope")


def test_show(engine: Engine) -> None:
    assert engine.ask("SHOW SOURCES") == [("lines",)]
    assert ("counts",) in engine.ask("SHOW VIEWS")
    assert ("items",) in engine.ask("SHOW TABLES LIKE 'it%'")
    assert engine.ask("SHOW COLUMNS FROM counts") == [("text", True, "text"), ("n", True, "bigint")]
    assert engine.ask("SHOW INDEXES FROM public.counts") == [("counts", "counts_primary_idx")]
    with pytest.raises(psycopg2.Error, match="unknown catalog item 'nope'"):
        engine.ask("SHOW COLUMNS FROM nope")
    with pytest.raises(psycopg2.Error, match="is not a view that was created"):
        engine.ask("SHOW CREATE VIEW items")
    ((name, text),) = engine.ask("SHOW CREATE VIEW counts")
    assert name == "materialize.public.counts"
    assert str(text).startswith("CREATE MATERIALIZED VIEW counts AS SELECT")
    ((plan,),) = engine.ask("EXPLAIN SELECT n, count(*) FROM counts GROUP BY n")
    assert "get counts" in str(plan)
    ((plan,),) = engine.ask("EXPLAIN VIEW counts")
    assert "get lines" in str(plan)
    with pytest.raises(psycopg2.Error, match="items' is not a view"):
        engine.ask("EXPLAIN VIEW items")


def test_subscribe_through_a_cursor_and_copy(engine: Engine) -> None:
    connection = psycopg2.connect(engine.dsn)
    with connection.cursor() as cursor:
        cursor.execute("DECLARE c CURSOR FOR SUBSCRIBE TO items WITH (PROGRESS) UP TO mz_now()")
        cursor.execute("FETCH ALL c WITH (timeout = '5s')")
        names = [column.name for column in cursor.description]
        assert names[:4] == ["mz_timestamp", "mz_progressed", "mz_diff", "name"]
        assert cursor.fetchall()[0][1:3] == (True, None)
    connection.close()
    as_of = engine.ask("SELECT mz_now() FROM items")[0][0]
    connection = engine.connect()
    received = io.BytesIO()
    sql = f"SUBSCRIBE (SELECT good FROM items) AS OF {as_of} UP TO {as_of} + 1"
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({sql}) TO STDOUT", received)
        assert sorted(received.getvalue().splitlines()) == [
            f"{as_of}\t1\tf".encode(),
            f"{as_of}\t1\tt".encode(),
        ]
        received = io.BytesIO()
        sql = f"SUBSCRIBE items ENVELOPE UPSERT (KEY (good)) AS OF {as_of} UP TO {as_of} + 1"
        cursor.copy_expert(f"COPY ({sql}) TO STDOUT", received)
        assert {line.split(b"\t")[1] for line in received.getvalue().splitlines()} == {b"upsert"}
        with pytest.raises(psycopg2.Error, match='column "x" in the key of UPSERT'):
            cursor.execute("COPY (SUBSCRIBE items ENVELOPE UPSERT (KEY (x))) TO STDOUT")
    connection.close()


def test_prepare_and_execute(engine: Engine) -> None:
    connection = engine.connect()
    with connection.cursor() as cursor:
        cursor.execute("PREPARE p (int, text) AS SELECT $1 + 1, $2 || '!', $3")
        cursor.execute("EXECUTE p (1, 'a', now() IS NULL)")
        assert cursor.fetchall() == [(2, "a!", False)]
        with pytest.raises(psycopg2.Error, match=r"there is no parameter \$3"):
            cursor.execute("EXECUTE p (1, 'a')")
        with pytest.raises(psycopg2.Error, match='prepared statement "p" already exists'):
            cursor.execute("PREPARE p AS SELECT 1")
        cursor.execute("CREATE TABLE prepared (a int)")
        cursor.execute("PREPARE w (int) AS INSERT INTO prepared VALUES ($1), ($1 + 1)")
        cursor.execute("EXECUTE w (5)")
        assert cursor.statusmessage == "INSERT 0 2"
        cursor.execute("PREPARE u AS UPDATE prepared SET a = $1 WHERE a = $2")
        cursor.execute("EXECUTE u (7, 6)")
        assert engine.ask("SELECT a FROM prepared ORDER BY a") == [(5,), (7,)]
        cursor.execute("DEALLOCATE p")
        with pytest.raises(psycopg2.Error, match='prepared statement "p" does not exist'):
            cursor.execute("EXECUTE p (1, 'a', true)")
        with pytest.raises(psycopg2.errors.FeatureNotSupported):
            cursor.execute("PREPARE d AS DROP TABLE prepared")
        cursor.execute("DROP TABLE prepared")
    connection.close()


def test_constraints_are_accepted_with_a_notice(engine: Engine) -> None:
    connection = engine.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE constrained (id int PRIMARY KEY, a text UNIQUE NOT NULL DEFAULT 'x',"
            " b int CONSTRAINT positive CHECK (b > 0) REFERENCES items (n) ON DELETE SET NULL,"
            " CONSTRAINT k UNIQUE (a, b), CHECK (a <> ''), FOREIGN KEY (b) REFERENCES items)"
        )
        assert connection.notices[-1].strip() == (
            "NOTICE:  constraints of tables are not enforced: "
            "PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY"
        )
        cursor.execute("INSERT INTO constrained (id, b) VALUES (1, -1), (1, -1)")
        with pytest.raises(psycopg2.errors.NotNullViolation):
            cursor.execute("INSERT INTO constrained VALUES (1, NULL, 1)")
        for bad, found in [
            ("id int GENERATED ALWAYS AS IDENTITY", "GENERATED for a column"),
            ("id int CHECK (", "Expected"),
            ("id int UNIQUE nonsense", "Expected"),
        ]:
            with pytest.raises(psycopg2.Error, match=found):
                cursor.execute(f"CREATE TABLE bad ({bad})")
        cursor.execute("DROP TABLE constrained")
    connection.close()


def test_now_is_one_moment_in_a_transaction(engine: Engine) -> None:
    engine.run("CREATE TABLE moments (at timestamptz)")
    connection = psycopg2.connect(engine.dsn)
    try:
        with connection, connection.cursor() as cursor:
            moments = set()
            for _ in range(3):
                cursor.execute("SELECT now(), now() = current_timestamp FROM items LIMIT 1")
                moments |= set(cursor.fetchall())
                cursor.execute("SELECT now(), true")
                moments |= set(cursor.fetchall())
                time.sleep(0.002)
            assert len(moments) == 1
        with connection, connection.cursor() as cursor:
            for _ in range(3):
                cursor.execute("INSERT INTO moments VALUES (now())")
                time.sleep(0.002)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT at) FROM moments")
            assert cursor.fetchall() == [(1,)]
    finally:
        connection.close()
        engine.run("DROP TABLE moments")
