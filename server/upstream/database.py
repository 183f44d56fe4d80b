"""Questions to the engine, without blocking, through momoko.

Every question has a limit. A connection on which one failed in any way other than an answer of the
engine is closed, and the next question opens another; so there is nothing to repair. A connection
that turns out to be broken after it lay idle proves nothing (the engine may have started again
meanwhile): the question is asked once more, on a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from typing import Any

import momoko
import psycopg2
from psycopg2.extensions import UNICODE, cursor, make_dsn, parse_dsn, string_types
from tornado.ioloop import IOLoop

from viewstream.engine import connection_options
from viewstream.protocol import Row

LIMIT = 5.0
"""Seconds that the engine has for one question, or for a new connection."""
CONNECTIONS = 4
"""Questions at a time: reads of a few views, and beside them the epochs."""


class EngineError(Exception):
    """The engine did not answer, or answered with an error; the text is for people."""


class EngineAwayError(EngineError):
    """The engine did not answer."""


class BrokenConnectionError(EngineAwayError):
    """The connection to the engine broke, or could not be made."""


class TextConnection(psycopg2.extensions.connection):
    """A connection that gives every value as the text that the engine sent."""

    def __init__(self, dsn: str, async_: int = 0) -> None:
        super().__init__(dsn, async_=async_)
        # The casters of a connection go before the global ones; types that have none are text.
        self.string_types.update(dict.fromkeys(string_types, UNICODE))


class Answer:
    """Rows of text, with (name, type OID) of the columns."""

    def __init__(self, result: cursor) -> None:
        self._result = result
        self.columns = [(str(column[0]), int(column[1])) for column in result.description or ()]
        self.size: int = result.rowcount

    def take(self, count: int) -> Sequence[Row]:
        """The next rows, at most `count`."""
        return self._result.fetchmany(count)


class Database:
    """A few connections to one engine, opened when they are needed."""

    def __init__(self, dsn: str, connections: int = CONNECTIONS, limit: float = LIMIT) -> None:
        self._dsn = make_dsn(**connection_options(parse_dsn(dsn), os.environ))
        self._limit = limit
        self._idle: list[momoko.Connection] = []
        self._free = asyncio.Semaphore(connections)
        self._is_closed = False

    async def ask(self, sql: str) -> Answer:
        """The answer to one statement. Raises EngineError."""
        async with self._free:
            if self._idle:
                with contextlib.suppress(BrokenConnectionError):
                    return await self._ask_on(self._idle.pop(), sql)
            return await self._ask_on(await self._open(), sql)

    async def _ask_on(self, connection: momoko.Connection, sql: str) -> Answer:
        try:
            result = await self._within_limit(connection, connection.execute(sql))
        except BaseException:
            _discard(connection)
            raise
        if self._is_closed:
            _discard(connection)
        else:
            self._idle.append(connection)
        return Answer(result)

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            _discard(self._idle.pop())

    async def _open(self) -> momoko.Connection:
        connection = momoko.Connection(self._dsn, connection_factory=TextConnection)
        try:
            await self._within_limit(connection, connection.connect())
        except BaseException:
            _discard(connection)
            raise
        return connection

    async def _within_limit(
        self, connection: momoko.Connection, future: asyncio.Future[Any]
    ) -> Any:
        # Not wait_for: momoko would set the result of a future that was cancelled.
        done, _ = await asyncio.wait([future], timeout=self._limit)
        if not done:
            raise EngineAwayError(f"the engine does not answer within {self._limit:g} s")
        try:
            return future.result()
        except psycopg2.Error as error:
            text = " ".join(str(error).split())
            if connection.closed or error.pgcode is None:
                raise BrokenConnectionError(f"the engine does not answer: {text}") from error
            raise EngineError(f"the engine answers: {text}") from error


def _discard(connection: momoko.Connection) -> None:
    """Close the connection; its socket first: the loop must not watch a closed one.

    The number of the socket is asked of libpq, and not taken from momoko's notes: when a
    connection broke, libpq has closed the socket, and its number may be somebody else's by now.
    """
    if connection.connection is None:
        return
    with contextlib.suppress(psycopg2.InterfaceError):
        number = connection.connection.fileno()
        if number >= 0:
            IOLoop.current().remove_handler(number)
    connection.close()
