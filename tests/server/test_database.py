"""Questions to an engine that breaks connections off, hangs, or starts again."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from tornado.ioloop import IOLoop

from server.upstream.database import (
    BrokenConnectionError,
    Database,
    EngineAwayError,
    EngineError,
    _discard,
)
from tests.support.scripted_wire import TEXT, ScriptedWire, Session


def answer(statement: str, session: Session) -> None:
    """What the scripted engine does: what the statement says."""
    if statement == "break off":
        session.lose()
    if statement == "hang":
        session.wait_until_gone()
    if statement == "fail":
        session.error("no such thing")
        return
    session.rows([("said", TEXT)], [(statement,)])


async def said(database: Database, statement: str) -> object:
    return (await database.ask(statement)).take(1)[0][0]


def test_who_finds_idle_connections_broken_asks_on_a_new_one() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        await asyncio.gather(*[said(database, "hello") for _ in range(4)])
        wire.lose_all()
        for n in range(6):
            assert await said(database, f"again {n}") == f"again {n}"
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_a_question_that_breaks_a_new_connection_is_not_asked_for_ever() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        await said(database, "hello")
        with pytest.raises(BrokenConnectionError, match="the engine does not answer: "):
            await database.ask("break off")
        assert wire.statements.count("break off") == 2
        with pytest.raises(EngineError, match="the engine answers: no such thing"):
            await database.ask("fail")
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_a_question_that_hangs_is_given_up_after_the_limit() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn, connections=1, limit=0.2)
        with pytest.raises(EngineAwayError, match=r"the engine does not answer within 0\.2 s"):
            await database.ask("hang")
        assert await said(database, "hello") == "hello"
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_giving_up_a_broken_connection_leaves_the_next_owner_of_its_number_alone() -> None:
    """libpq has closed the socket by then: a client may have come, and have been given its number.

    The loop must go on watching that client, or nothing that it sends is ever seen.
    """

    async def run(wire: ScriptedWire) -> bytes:
        database = Database(wire.dsn)
        connection = await database._open()
        number = connection.connection.fileno()
        ours, theirs = socket.socketpair()
        with pytest.raises(BrokenConnectionError):
            await database._within_limit(connection, connection.execute("break off"))
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        with ours, theirs:
            os.dup2(ours.fileno(), number)
            loop = IOLoop.current()

            def listen(fd: int, events: int) -> None:
                loop.remove_handler(fd)
                heard.set_result(b"heard")

            loop.add_handler(number, listen, loop.READ)
            _discard(connection)
            theirs.send(b"x")
            try:
                return await asyncio.wait_for(heard, 5)
            finally:
                loop.remove_handler(number)
                os.close(number)

    with ScriptedWire(answer) as wire:
        assert asyncio.run(run(wire)) == b"heard"
