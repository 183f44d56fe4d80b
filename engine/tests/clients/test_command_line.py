"""`python -m engine` as a process: its options, its messages, its end, and a clock that jumps."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg2
import psycopg2.extensions
import pytest

from engine.command import clock, main
from engine.options import address, duration
from engine.tests.clients.conftest import Copy
from engine.tests.support.processes import Process, start_engine, wait_until


def failing(*options: str | Path) -> tuple[int, str]:
    """Start an engine that cannot start; returns its status and what it said."""
    with Process(*options) as process:
        return process.wait(), process.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--listen", "6875"], "expected HOST:PORT, found '6875'"),
        (["--listen", "127.0.0.1:99999"], "expected HOST:PORT, found '127.0.0.1:99999'"),
        (["--logical-compaction-window", "5"], "expected a duration such as 5m, 30s"),
        (["--logical-compaction-window", "0s"], "expected a duration of 1ms or more, found '0s'"),
        (["--tick", "fast"], "found 'fast'"),
        (["--tick", "off"], "expected a duration such as 100ms, found 'off'"),
        (["--max-connections", "0"], "expected a whole number above 0, found '0'"),
        (["--max-connections", "-3"], "expected a whole number above 0, found '-3'"),
        (["--log-format", "xml"], "expected one of text, json, plain, found 'xml'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_bad_option_is_told_in_a_line(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_address_that_others_can_reach_is_warned_of(host: str) -> None:
    with Process("--listen", f"{host}:0") as process:
        process.wait_for("engine: listening on ")
        if host == "0.0.0.0":
            process.wait_for("others can reach this address, and no password is asked")
        else:
            assert "others can reach" not in process.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--max-connections", "99999999999"], "open files, but this system allows"),
        (["--listen", "127.0.0.1:0", "--data", "/dev/null/x"], "/dev/null"),
        (["--listen", "192.0.2.1:0"], "cannot listen on 192.0.2.1:0: cannot assign requested"),
        (["--listen", "no.such.host.invalid:0"], "cannot listen on no.such.host.invalid:0: "),
    ],
)
def test_what_the_system_refuses_is_told_in_a_line(options: list[str], told: str) -> None:
    status, said = failing(*options)
    assert status == 1
    assert len(said.splitlines()) == 1
    assert told in said


@pytest.mark.parametrize(("limit", "is_reported"), [(256, True), (1024, False)])
def test_the_default_of_connections_fits_the_limit_of_open_files(
    limit: int, is_reported: bool
) -> None:
    with Process("--listen", "127.0.0.1:0", files=limit) as process:
        process.wait_for("listening on")
        line = f"engine: this system allows {limit} open files (ulimit -n): at most 192 connections"
        assert (line in process.stderr) == is_reported


def test_a_port_in_use_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = failing("--listen", f"127.0.0.1:{port}")
    assert status == 1
    assert said == f"engine: cannot listen on 127.0.0.1:{port}: address already in use\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly_although_tails_go_on(number: signal.Signals) -> None:
    process, dsn = start_engine()
    with process:
        copies = [Copy(dsn, "COPY (TAIL mz_tails WITH (PROGRESS)) TO STDOUT") for _ in range(10)]
        for copy in copies:
            wait_until(lambda copy=copy: copy.rows, "the TAIL has begun")
        process.send(number)
        assert process.wait() == 0
        assert process.stderr.splitlines()[1:] == []
        for copy in copies:
            copy.join(60)
            assert isinstance(copy.error, psycopg2.OperationalError)
            copy.connection.close()


def test_a_long_statement_does_not_hold_up_the_end() -> None:
    process, dsn = start_engine()
    with process:
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        sql = "SELECT " + ", ".join(f"{i} + {i}" for i in range(150_000))
        errors: list[psycopg2.Error] = []
        asking = threading.Thread(target=_ask_in_vain, args=(connection, sql, errors))
        asking.start()
        cpu = Path(f"/proc/{process.popen.pid}/stat")
        before = _ticks(cpu)
        wait_until(lambda: _ticks(cpu) > before + 20, "the statement is being read")
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        asking.join(60)
        assert len(errors) == 1, "the statement was finished first"
        connection.close()


def _ask_in_vain(
    connection: psycopg2.extensions.connection, sql: str, errors: list[psycopg2.Error]
) -> None:
    try:
        connection.cursor().execute(sql)
    except psycopg2.Error as error:
        errors.append(error)


def _ticks(stat: Path) -> int:
    """The processor time that a process has used, in hundredths of a second."""
    return int(stat.read_text().rpartition(")")[2].split()[11])


def test_nothing_but_the_catalog_and_tables_outlives_it(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.write_text("a\nb\n")
    data = tmp_path / "data"
    process, dsn = start_engine("--data", data)
    with process, psycopg.connect(dsn, autocommit=True) as client:
        client.execute(f"CREATE SOURCE s FROM FILE '{events}' WITH (tail = true) FORMAT TEXT")
        client.execute("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s")
        client.execute("CREATE TABLE t (a int, b numeric[])")
        client.execute("INSERT INTO t VALUES (1, '{1.5}'), (2, NULL)")
        before = _now(client)
        process.kill()
    process, dsn = start_engine("--data", data)
    with process, psycopg.connect(dsn, autocommit=True) as client:
        assert client.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (2,)]
        assert client.execute("SELECT n FROM v").fetchall() == [(2,)]
        assert _now(client) > before


def _now(client: psycopg.Connection) -> int:
    row = client.execute("SELECT mz_logical_timestamp(), count(*) FROM t").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def jumping(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    offset = tmp_path / "offset"
    process, dsn = start_engine("--clock-offset-file", offset)
    with process:
        with psycopg.connect(dsn, autocommit=True) as client:
            client.execute("CREATE TABLE t (a int)")
        yield offset, dsn


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_jumps_does_not_turn_time_back(jumping: tuple[Path, str], hours: int) -> None:
    offset, dsn = jumping
    copy = Copy(dsn, "COPY (TAIL t WITH (PROGRESS)) TO STDOUT")
    wait_until(lambda: len(copy.rows) >= 5, "progress")
    offset.write_text(str(hours * 3_600_000))
    before = len(copy.rows)
    wait_until(lambda: len(copy.rows) >= before + 10, "progress after the jump")
    copy.stop()
    times = [int(row[0]) for row in copy.rows]
    assert times == sorted(set(times))


def test_addresses() -> None:
    assert address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert address("localhost:6875") == ("localhost", 6875)
    assert address("[::1]:6875") == ("::1", 6875)


def test_durations() -> None:
    assert [duration(text) for text in ("1ms", "30s", "5m", "1.5h", "2d", "5 min")] == [
        1,
        30_000,
        300_000,
        5_400_000,
        172_800_000,
        300_000,
    ]
    assert duration("off") > 10**15


def test_the_clock_reads_its_offset_anew(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    moved, wall = clock(file), clock(None)
    assert abs(moved() - wall()) < 1000
    file.write_text("-100000\n")
    assert abs(moved() - wall() + 100_000) < 1000
    file.write_text("noise")
    assert abs(moved() - wall()) < 1000
