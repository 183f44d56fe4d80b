"""A PostgreSQL wire server that says what a test tells it to say, to real clients.

It knows the protocol's version 3 as far as simple queries and COPY OUT go, and no SQL: a scenario
is a function that is given each statement and a `Session` to answer on. It shares nothing
with `engine/`, so that what both say can be compared.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeAlias

TEXT = 25
INT8 = 20
BOOL = 16
NUMERIC = 1700
TIMESTAMPTZ = 1184

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_PARAMETERS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "integer_datetimes": "on",
    "server_encoding": "UTF8",
    "server_version": "9.5.0",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
}


class ClientGoneError(Exception):
    """The client closed its connection; a scenario may let this pass."""


class Session:
    """One client's connection, as a scenario sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.memory: dict[str, Any] = {}
        """Notes of a scenario between the statements of one connection."""

    @property
    def is_gone(self) -> bool:
        """Whether the client, which waits for an answer, closes its connection instead."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) in (b"", b"X")
        except BlockingIOError:
            return False
        except OSError:
            return True

    def rows(
        self, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[str | None]]
    ) -> None:
        """Answer with a result: columns as (name, type OID), values as text."""
        self.begin_rows(columns)
        self.more_rows(rows)
        self.end_rows(len(rows))

    def begin_rows(self, columns: Sequence[tuple[str, int]]) -> None:
        description = b"".join(
            name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, 0)
            for name, oid in columns
        )
        self._send(b"T", struct.pack("!h", len(columns)) + description)

    def more_rows(self, rows: Sequence[Sequence[str | None]]) -> None:
        bodies = (struct.pack("!h", len(row)) + b"".join(map(_value, row)) for row in rows)
        self._send_all(b"".join(_message(b"D", body) for body in bodies))

    def end_rows(self, count: int) -> None:
        self._send(b"C", b"SELECT %d\0" % count)

    def tag(self, tag: str) -> None:
        """Answer a statement that returns no rows."""
        self._send(b"C", tag.encode() + b"\0")

    def error(self, message: str, code: str = "XX000") -> None:
        fields = {"S": "ERROR", "C": code, "M": message}
        body = b"".join(key.encode() + text.encode() + b"\0" for key, text in fields.items())
        self._send(b"E", body + b"\0")

    def notice(self, message: str) -> None:
        """Send a NOTICE, which libpq prints to stderr while it connects."""
        fields = {"S": "NOTICE", "C": "00000", "M": message}
        body = b"".join(key.encode() + text.encode() + b"\0" for key, text in fields.items())
        self._send(b"N", body + b"\0")

    def copy_begin(self, columns: int) -> None:
        self._send(b"H", struct.pack("!bh", 0, columns) + b"\0\0" * columns)

    def copy_data(self, data: bytes) -> None:
        """One CopyData; Materialize puts one whole row in each."""
        self._send(b"d", data)

    def copy_end(self, rows: int = 0) -> None:
        self._send(b"c", b"")
        self._send(b"C", b"COPY %d\0" % rows)

    def copy(self, rows: Iterable[bytes], columns: int) -> None:
        """Answer a COPY as a whole."""
        self.copy_begin(columns)
        for row in rows:
            self.copy_data(row)
        self.copy_end()

    def wait_until_gone(self) -> None:
        """Say nothing more until the client closes its connection; raises ClientGoneError."""
        while self._socket.recv(4096):
            pass
        raise ClientGoneError

    def lose(self) -> None:
        """Break the connection off, as an engine that dies does."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        raise ClientGoneError

    def _send(self, kind: bytes, body: bytes) -> None:
        self._send_all(_message(kind, body))

    def _send_all(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ClientGoneError from error


Scenario: TypeAlias = Callable[[str, Session], None]
"""Called with each statement that a client sends, in a thread of that client's own."""


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _parameters_of(startup: bytes) -> dict[str, str]:
    words = startup.decode().split("\0")
    return {key: value for key, value in zip(words[::2], words[1::2], strict=False) if key}


def _value(value: str | None) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    encoded = value.encode()
    return struct.pack("!i", len(encoded)) + encoded


class ScriptedWire:
    """Listens on a free port of 127.0.0.1 while the `with` block runs.

    An exception of the scenario is raised again at the end of the block. `statements` keeps all
    that clients asked, in order.
    """

    def __init__(self, scenario: Scenario, port: int = 0) -> None:
        self._scenario = scenario
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.dsn = f"host=127.0.0.1 port={self.port} user=materialize dbname=materialize"
        self.statements: list[str] = []
        self.startups: list[dict[str, str]] = []
        """The parameters with which each client connected."""
        self.greeting: Sequence[str] = ()
        """Notices for each client that does not ask for warnings only."""
        self._failures: list[Exception] = []
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def lose_all(self) -> None:
        """Break every connection off, as when the engine dies; it goes on listening."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            with self._lock:
                self._connections.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        except (ClientGoneError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 -- raised again in the test's thread
            self._failures.append(error)
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:  # until the startup message proper
            length, code = struct.unpack("!ii", _receive(connection, 8))
            startup = _receive(connection, length - 8)
            if code == _CANCEL_REQUEST:
                return
            if code not in (_SSL_REQUEST, _GSS_REQUEST):
                break
            connection.sendall(b"N")
        session = Session(connection)
        session._send(b"R", struct.pack("!i", 0))
        for name, value in _PARAMETERS.items():
            session._send(b"S", f"{name}\0{value}\0".encode())
        session._send(b"K", struct.pack("!ii", 1, 1))
        self.startups.append(_parameters_of(startup))
        if "client_min_messages=warning" not in self.startups[-1].get("options", ""):
            for line in self.greeting:
                session.notice(line)
        session._send(b"Z", b"I")
        while True:
            kind = _receive(connection, 1)
            (length,) = struct.unpack("!i", _receive(connection, 4))
            body = _receive(connection, length - 4)
            if kind == b"X":
                return
            if kind != b"Q":
                raise AssertionError(f"only simple queries are scripted, found message {kind!r}")
            statement = body[:-1].decode()
            self.statements.append(statement)
            self._scenario(statement, session)
            session._send(b"Z", b"I")

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A close alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        self.lose_all()
        for thread in self._threads:
            thread.join(10)
        if kind is None and self._failures:
            raise self._failures[0]


def _receive(connection: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; raises ClientGoneError at the end of the stream."""
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ClientGoneError
        received += chunk
    return received


def answer_epochs(
    statement: str,
    session: Session,
    find: Callable[[str], tuple[str, str] | None],
    schema: str = "public",
    time: str = "4000000000000",
) -> None:
    """Answer `relations_query`: `find` gives the (start time, id) of a view in `schema`, if any."""
    listed = re.search(r"o\.name IN \((.*?)\) AND", statement)
    assert listed is not None, statement
    names = [name.replace("''", "'") for name in re.findall(r"'((?:[^']|'')*)'", listed[1])]
    found = [(name, find(name)) for name in names]
    columns = [("start", TIMESTAMPTZ), ("id", TEXT), ("schema", TEXT), ("name", TEXT)]
    columns.append(("time", NUMERIC))
    rows = [[*epoch, schema, name, time] for name, epoch in found if epoch is not None]
    session.rows(columns, rows)
