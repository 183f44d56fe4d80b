"""Queries to the engine without blocking, through momoko; the only module that imports it.

Every query has a timeout. A connection on which one failed in any way other than an error of the
engine is closed, and the next query opens another, so that nothing has to be repaired. An idle
connection that turns out to be broken proves nothing (the engine may have restarted): its query is
sent once more, on a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import momoko
import psycopg2
from psycopg2.extensions import UNICODE, cursor, make_dsn, parse_dsn, string_types
from tornado.ioloop import IOLoop

from server.upstream.errors import BrokenConnectionError, EngineError, SlowAnswerError
from viewstream.dsn import SECRETS
from viewstream.engine import connection_options
from viewstream.protocol import Row

TIMEOUT = 5.0
"""Seconds for which the engine may send nothing of an answer, or of a new connection."""
WHOLE_ANSWER = 24
"""A whole answer may take so many times the timeout: a large view is two minutes on its way."""
CONNECTIONS = 4
"""Queries at a time: three bases, and the epochs."""


class TextConnection(psycopg2.extensions.connection):
    """A connection that returns every value as the text that the engine sent."""

    def __init__(self, dsn: str, async_: int = 0) -> None:
        super().__init__(dsn, async_=async_)
        # A connection's casters override the global ones; a type without any is text.
        self.string_types.update(dict.fromkeys(string_types, UNICODE))
        self.polled_at = 0.0
        """When the socket last took or had bytes, by the event loop's clock."""

    def poll(self) -> int:
        self.polled_at = asyncio.get_running_loop().time()
        return super().poll()


class Answer:
    """Rows of text, and (name, type OID) of the columns."""

    def __init__(self, result: cursor) -> None:
        self._result = result
        self.columns = [(str(column[0]), int(column[1])) for column in result.description or ()]
        self.size: int = result.rowcount

    def take(self, count: int) -> Sequence[Row]:
        """The next rows, at most `count`."""
        return self._result.fetchmany(count)


class Cursor:
    """A cursor for a TAIL, whose rows come as they happen."""

    NAME = "c"

    def __init__(self, connection: momoko.Connection) -> None:
        self._connection = connection
        self._fetching: asyncio.Future[cursor] | None = None

    async def fetch(self, count: int, patience: float) -> Sequence[Row] | None:
        """At most `count` rows as soon as there are any, or None after `patience` seconds.

        No rows mean that the TAIL has ended. Raises EngineError.

        The statement has no timeout: with one, the engine gathers rows until it is over. After
        None, the next call waits for the same rows.
        """
        if self._fetching is None:
            self._fetching = self._connection.execute(f"FETCH {count} {self.NAME}")
        done, _ = await asyncio.wait([self._fetching], timeout=patience)
        if not done:
            return None
        fetched, self._fetching = self._fetching, None
        result: cursor = _result(self._connection, fetched)
        return result.fetchall()


class Database:
    """A pool of connections to one engine, each opened when it is needed."""

    def __init__(self, dsn: str, connections: int = CONNECTIONS, timeout: float = TIMEOUT) -> None:
        self._dsn = make_dsn(**connection_options(parse_dsn(dsn), os.environ))
        self._timeout = timeout
        self._idle: list[momoko.Connection] = []
        self.size = connections
        """How many queries can run at a time."""
        self._free = asyncio.Semaphore(connections)
        self.busy = 0
        """Connections on which a query runs."""
        self.waiting = 0
        """Queries that wait for a connection."""
        self._is_closed = False

    @contextlib.asynccontextmanager
    async def ask(self, sql: str, parameters: Sequence[str] = ()) -> AsyncIterator[Answer]:
        """The answer to one statement, to be read inside the block. Raises EngineError.

        The connection returns to the pool only after the block: no other query may use it while
        rows of this answer are still to be read.
        """
        async with self._reserve():
            connection, result = await self._execute(sql, parameters)
            try:
                yield Answer(result)
            except psycopg2.Error as error:
                _discard(connection)
                raise EngineError("the engine's answer cannot be read", _one_line(error)) from error
            except BaseException:
                _discard(connection)
                raise
            if self._is_closed:
                _discard(connection)
            else:
                self._idle.append(connection)

    @contextlib.asynccontextmanager
    async def declare(self, sql: str) -> AsyncIterator[Cursor]:
        """Declare a cursor for a TAIL, on a connection of its own. Raises EngineError."""
        connection = await self._open()
        try:
            await self._within_timeout(connection, connection.execute("BEGIN"))
            declare = f"DECLARE {Cursor.NAME} CURSOR FOR {sql}"
            await self._within_timeout(connection, connection.execute(declare))
            yield Cursor(connection)
        finally:
            _discard(connection)

    @property
    def idle(self) -> int:
        """Connections that are open and free."""
        return len(self._idle)

    @contextlib.asynccontextmanager
    async def _reserve(self) -> AsyncIterator[None]:
        """Wait until a connection may be used, and count it."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            self._free.release()

    def _mask(self, error: EngineError) -> None:
        """Hide secrets in the words of libpq and the engine."""
        options = parse_dsn(self._dsn)
        for secret in [*map(options.get, SECRETS), os.environ.get("PGPASSWORD")]:
            if secret:
                error.detail = error.detail.replace(secret, "***")

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            _discard(self._idle.pop())

    async def _execute(
        self, sql: str, parameters: Sequence[str]
    ) -> tuple[momoko.Connection, cursor]:
        if self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(BrokenConnectionError):
                return connection, await self._execute_on(connection, sql, parameters)
        connection = await self._open()
        return connection, await self._execute_on(connection, sql, parameters)

    async def _execute_on(
        self, connection: momoko.Connection, sql: str, parameters: Sequence[str]
    ) -> cursor:
        try:
            executing = connection.execute(sql, parameters)
            result: cursor = await self._within_timeout(connection, executing)
        except BaseException:
            _discard(connection)
            raise
        return result

    async def _open(self) -> momoko.Connection:
        connection = momoko.Connection(self._dsn, connection_factory=TextConnection)
        try:
            await self._within_timeout(connection, connection.connect())
        except BaseException:
            _discard(connection)
            raise
        return connection

    async def _within_timeout(
        self, connection: momoko.Connection, future: asyncio.Future[Any]
    ) -> Any:
        """Wait as long as bytes come, within bounds; raises EngineError."""
        clock = asyncio.get_running_loop().time
        began = polled = clock()
        until = began + WHOLE_ANSWER * self._timeout
        while not future.done():
            # Not wait_for: momoko would set the result of a future that was cancelled.
            now = clock()
            wait = min(polled + self._timeout, until) - now
            if wait <= 0:
                raise SlowAnswerError(until - began if now >= until else self._timeout)
            await asyncio.wait([future], timeout=wait)
            if connection.connection is not None:
                polled = max(polled, connection.connection.polled_at)
        try:
            return _result(connection, future)
        except EngineError as error:
            self._mask(error)
            raise


def _result(connection: momoko.Connection, future: asyncio.Future[Any]) -> Any:
    """The result of a query that has ended. Raises EngineError."""
    try:
        return future.result()
    except psycopg2.Error as error:
        if connection.closed or error.pgcode is None:
            text = "the engine does not answer"
            raise BrokenConnectionError(text, _one_line(error)) from error
        raise EngineError("the engine answers with an error", _one_line(error)) from error


def _one_line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())


def _discard(connection: momoko.Connection) -> None:
    """Close the connection, and first stop watching its socket in the event loop.

    The socket's number comes from libpq and not from momoko: when a connection breaks, libpq closes
    the socket, and its number may belong to another connection by now.
    """
    if connection.connection is None:
        return
    with contextlib.suppress(psycopg2.InterfaceError):
        number = connection.connection.fileno()
        if number >= 0:
            IOLoop.current().remove_handler(number)
    connection.close()
