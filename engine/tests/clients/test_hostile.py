"""Broken and hostile clients: whatever they send, or do not read, the others are served."""

from __future__ import annotations

import contextlib
import random
import resource
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg2
import pytest

from engine.tests.clients.conftest import Engine
from engine.tests.support.processes import start_engine, wait_until

STARTUP = struct.pack("!ihh", 47, 3, 0) + b"user\0materialize\0database\0materialize\0\0"
FILES = 1_300
"""Open files that a thousand connections need, in the engine and in the test alike."""
READY = b"Z\0\0\0\x05I"


def typed(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@contextlib.contextmanager
def raw(engine: Engine, *, started: bool = False) -> Iterator[socket.socket]:
    with socket.create_connection((engine.host, engine.port), timeout=60) as client:
        if started:
            client.sendall(STARTUP)
            receive_until(client, READY)
        yield client


def receive_until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        chunk = client.recv(65536)
        assert chunk, f"the engine closed after {received!r}"
        received += chunk
    return received


def receive_all(client: socket.socket) -> bytes:
    """Receive until the engine closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def memory(engine: Engine) -> int:
    """The engine's resident memory in bytes."""
    pages = int(Path(f"/proc/{engine.process.popen.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.fixture(autouse=True)
def still_serves(engine: Engine) -> Iterator[None]:
    """After each test the engine answers, and has logged no fault of its own."""
    yield
    assert engine.ask("SELECT count(*) FROM items") == [(2,)]
    assert "Traceback" not in engine.process.stderr, engine.process.stderr


def test_random_bytes(engine: Engine) -> None:
    dice = random.Random(4)
    for _ in range(100):
        with raw(engine, started=dice.random() < 0.5) as client:
            client.sendall(dice.randbytes(dice.randrange(1, 2000)))
            client.shutdown(socket.SHUT_WR)
            receive_all(client)


def test_random_messages(engine: Engine) -> None:
    """Well-framed, with contents that are noise; each gets an answer, none ends the engine."""
    dice = random.Random(5)
    names = [b"", b"a", b"b"]
    queries = [b"SELECT 1", b"SELECT $1", b"", b"TAIL items", b"BEGIN", b"COMMIT", b"FETCH c", b"("]
    queries += [b"DECLARE c CURSOR FOR TAIL items", b"COPY (SELECT 1) TO STDOUT", b"SELECT \xff"]

    def message() -> bytes:
        name = dice.choice(names)
        body = {
            b"P": name + b"\0" + dice.choice(queries) + b"\0\0\0",
            b"B": name + b"\0" + dice.choice(names) + b"\0" + b"\0" * 6,
            b"D": dice.choice([b"S", b"P"]) + name + b"\0",
            b"E": name + b"\0\0\0\0" + bytes([dice.randrange(1, 3)]),
            b"C": dice.choice([b"S", b"P"]) + name + b"\0",
            b"S": b"",
            b"H": b"",
            b"d": b"noise",
            b"p": b"noise",
        }
        kind = dice.choice(list(body))
        noise = dice.randbytes(dice.randrange(20)) if dice.random() < 0.2 else body[kind]
        return typed(kind, noise)

    for _ in range(60):
        with raw(engine, started=True) as client:
            client.sendall(b"".join(message() for _ in range(40)))
            client.sendall(typed(b"S") + typed(b"X"))
            receive_all(client)
    engine.wait_for_tails(0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (struct.pack("!i", 2**31 - 1), b"found 2147483647"),
        (struct.pack("!i", -5), b"found -5"),
        (b"GET / HTTP/1.1\r\n\r\n", b"expected a startup message"),
        (STARTUP + b"Q" + struct.pack("!i", -1), b"found -1"),
        (STARTUP + b"\0\0\0\0\0", b"expected a message of the protocol"),
        (struct.pack("!ihh", 8, 1234, 5679) * 3, b"expected a startup message after two requests"),
        (struct.pack("!ihh", 9, 3, 0) + b"\0", b"no PostgreSQL user name"),
    ],
)
def test_what_cannot_be_read_is_told_and_closed(engine: Engine, data: bytes, told: bytes) -> None:
    with raw(engine) as client:
        client.sendall(data)
        answer = receive_all(client)
    assert b"SFATAL\0" in answer
    assert told in answer


def test_half_a_message_costs_its_sender_only(engine: Engine) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(raw(engine, started=True))
            client.sendall(b"Q" + struct.pack("!i", 1000) + b"SELECT ")
        assert engine.ask("SELECT 1") == [(1,)]


def test_a_wrong_key_cancels_nothing(engine: Engine) -> None:
    with raw(engine, started=True) as client:
        client.sendall(typed(b"Q", b"COPY (TAIL items) TO STDOUT\0"))
        engine.wait_for_tails(1)
        for process_id in range(1, 200):
            with raw(engine) as canceller:
                canceller.sendall(struct.pack("!ihhii", 16, 1234, 5678, process_id, 12345))
                assert receive_all(canceller) == b""
        engine.wait_for_tails(1)
    engine.wait_for_tails(0)


def test_a_reader_that_stops_costs_little_and_delays_nobody(engine: Engine) -> None:
    engine.run("CREATE TABLE wide (a int, b text)")
    before = memory(engine)
    with raw(engine, started=True) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        big = "x" * 1000
        sql = f"SELECT i, '{big}' FROM generate_series(1, 20000) AS g(i)"
        client.sendall(typed(b"Q", sql.encode() + b"\0") * 5)
        wait_until(lambda: memory(engine) > before, "the answer was begun")
        for _ in range(20):
            assert engine.ask("SELECT 1") == [(1,)]  # the answer to the reader cannot end
        assert memory(engine) - before < 100 * 1024 * 1024


def test_a_tail_that_is_not_read_costs_little_and_misses_nothing(engine: Engine) -> None:
    engine.run("CREATE TABLE churn (a int, b text)")
    before = memory(engine)
    with raw(engine, started=True) as client:
        client.sendall(typed(b"Q", b"COPY (TAIL churn) TO STDOUT\0"))
        engine.wait_for_tails(1)
        wide = "'" + "x" * 1000 + "' || i::text"
        for _ in range(5):
            rows = f"SELECT i, {wide} FROM generate_series(1, 2000) AS g(i)"
            engine.run(f"INSERT INTO churn {rows}", "DELETE FROM churn")
        engine.run("INSERT INTO churn VALUES (-1, 'last')")
        assert memory(engine) - before < 150 * 1024 * 1024
        client.settimeout(60)
        received = receive_until(client, b"\t1\t-1\tlast\n")
    held: dict[bytes, int] = {}
    for line in received[received.index(b"d\0") :].split(b"\n")[:-1]:
        _, diff, row = line[5:].split(b"\t", 2)
        held[row] = held.get(row, 0) + int(diff)
    assert {row: weight for row, weight in held.items() if weight} == {b"-1\tlast": 1}
    engine.wait_for_tails(0)


def test_pipelined_messages_of_one_client_do_not_starve_the_others(engine: Engine) -> None:
    assert any(is_answered_between(engine) for _ in range(10)), "it waits for all of them"


def is_answered_between(engine: Engine) -> bool:
    """Whether another client is answered before all messages of one are.

    On a loaded machine the engine may be done before the other client gets its turn to ask.
    """
    with raw(engine, started=True) as client:
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            for _ in range(5000):
                client.send(typed(b"Q", b"SELECT count(*) FROM items\0"))
                sent += 1
        assert engine.ask("SELECT 1") == [(1,)]
        return client.recv(10_000_000, socket.MSG_PEEK).count(READY) < sent


def test_a_long_statement_does_not_stop_the_clock(engine: Engine) -> None:
    values = ", ".join(f"({i}, 'text {i}')" for i in range(4_000))
    engine.run("CREATE TABLE long (a int, b text)")
    insert = threading.Thread(target=engine.run, args=[f"INSERT INTO long VALUES {values}"])
    ticks = 0
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        for _ in connection.cursor().stream("TAIL items WITH (PROGRESS)"):
            if insert.ident is None:
                insert.start()
            elif insert.is_alive():
                ticks += 1
            else:
                break
    insert.join()
    assert ticks >= 5
    assert engine.ask("SELECT count(*), sum(a) FROM long") == [(4_000, 7_998_000)]


def test_a_query_that_is_not_utf8_gets_an_answer(engine: Engine) -> None:
    with raw(engine, started=True) as client:
        client.sendall(typed(b"Q", b"SELECT '\xe9'\0"))
        assert b"C22021\0" in receive_until(client, READY)


def test_answers_that_nobody_asks_to_see_yet_do_not_pile_up(engine: Engine) -> None:
    """No Sync and no Flush follows: what is written must wait for the reader all the same."""
    before = memory(engine)
    with raw(engine, started=True) as client:
        columns = ", ".join(f"{i} AS column_{i}" for i in range(500))
        client.sendall(typed(b"P", f"\0SELECT {columns}\0\0\0".encode()))
        client.settimeout(1)
        with contextlib.suppress(TimeoutError):
            for _ in range(1_000):
                client.sendall(typed(b"D", b"S\0") * 1_000)
        assert memory(engine) - before < 50 * 1024 * 1024


def test_deep_nesting_is_refused(engine: Engine) -> None:
    for sql in ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "SELECT " + "- " * 3000 + "1"):
        with pytest.raises(psycopg2.Error, match="nested too deeply"):
            engine.ask(sql)


def test_a_thousand_connections(engine: Engine) -> None:
    """All are served at once, and one more is told why not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"needs {FILES} open files (ulimit -Hn), this system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        clients = []
        for _ in range(990):
            client = stack.enter_context(socket.create_connection((engine.host, engine.port)))
            client.settimeout(60)
            client.sendall(STARTUP + typed(b"Q", b"SELECT 1\0"))
            clients.append(client)
        for client in clients:
            receive_until(client, b"SELECT 1\0" + READY)
        for _ in range(20):
            extra = stack.enter_context(socket.create_connection((engine.host, engine.port)))
            extra.settimeout(60)
            extra.sendall(STARTUP)
            clients.append(extra)
        assert b"too many connections" in receive_all(clients[-1])
        with raw(engine) as canceller:
            canceller.sendall(struct.pack("!ihhii", 16, 1234, 5678, 1, 1))
            assert receive_all(canceller) == b""
    wait_until(lambda: _can_connect(engine), "the connections are free again")


def _can_connect(engine: Engine) -> bool:
    try:
        engine.connect().close()
    except psycopg2.OperationalError:
        return False
    return True


def test_the_memory_of_unfinished_messages_is_bounded() -> None:
    process, dsn = start_engine("--max-message-bytes", "1000000", "--waiting-bytes", "3000000")
    with process, contextlib.ExitStack() as stack:
        port = int(dsn.split()[1].removeprefix("port="))
        clients = []
        for _ in range(10):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            client.sendall(STARTUP)
            receive_until(client, READY)
            with contextlib.suppress(ConnectionError):
                client.sendall(b"Q" + struct.pack("!i", 999_999) + b" " * 900_000)
            clients.append(client)
        refused: dict[socket.socket, bytes] = {}

        def are_refused() -> bool:
            for client in clients:
                client.settimeout(0.5)
                if client not in refused:
                    with contextlib.suppress(TimeoutError):
                        refused[client] = receive_all(client)
            return len(refused) >= 6

        wait_until(are_refused, "six are refused")
        assert any(b"too many bytes" in answer for answer in refused.values())
        connection = psycopg2.connect(dsn)
        connection.close()


def test_a_statement_that_is_too_long_is_refused_and_the_connection_goes_on(engine: Engine) -> None:
    connection = engine.connect()
    before = memory(engine)
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error, match="is longer than the limit of 4194304") as caught:
            cursor.execute("SELECT '" + "x" * 60_000_000 + "'")
        assert caught.value.pgcode == "54000"
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
    connection.close()
    assert memory(engine) - before < 20 * 1024 * 1024
