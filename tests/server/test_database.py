"""Queries to an engine that breaks connections, hangs, or restarts."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest
from tornado.ioloop import IOLoop

from server.upstream.database import Database, _discard
from server.upstream.errors import (
    BrokenConnectionError,
    EngineAwayError,
    EngineError,
    SlowAnswerError,
)
from tests.support.processes import PATIENCE
from tests.support.scripted_wire import TEXT, ScriptedWire, Session


def answer(statement: str, session: Session) -> None:
    """Do what the statement says."""
    if statement == "break off":
        session.lose()
    if statement == "hang":
        session.wait_until_gone()
    if statement == "fail":
        session.error("no such thing")
        return
    session.rows([("said", TEXT)], [(statement,)])


async def said(database: Database, statement: str) -> object:
    async with database.ask(statement) as answer:
        return answer.take(1)[0][0]


def test_a_query_on_a_broken_idle_connection_is_sent_again_on_a_new_one() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        await asyncio.gather(*[said(database, "hello") for _ in range(4)])
        wire.lose_all()
        for n in range(6):
            assert await said(database, f"again {n}") == f"again {n}"
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_a_query_that_breaks_a_new_connection_is_not_repeated() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        await said(database, "hello")
        with pytest.raises(BrokenConnectionError, match=r"the engine does not answer$"):
            await said(database, "break off")
        assert wire.statements.count("break off") == 2
        with pytest.raises(EngineError, match="the engine answers with an error") as failed:
            await said(database, "fail")
        assert "no such thing" in failed.value.detail
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_a_connection_is_not_used_before_its_answer_has_been_read() -> None:
    """A large answer is read in slices; between two of them another query can run, and break."""

    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        async with database.ask("hello") as answer:
            with pytest.raises(BrokenConnectionError):
                await said(database, "break off")
            assert answer.take(1) == [("hello",)]
        assert await said(database, "still here") == "still here"
        assert len(database._idle) == 1
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_an_answer_that_cannot_be_read_is_an_error_of_the_engine() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn)
        with pytest.raises(EngineError, match="the engine's answer cannot be read"):
            async with database.ask("hello") as answer:
                answer._result.close()
                answer.take(1)
        assert not database._idle, "the connection may be broken, too"
        assert await said(database, "again") == "again"
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_words_of_libpq_are_only_in_the_detail() -> None:
    async def run() -> EngineError:
        database = Database("host=127.0.0.1 port=1 user=inner password=refused")
        with pytest.raises(BrokenConnectionError) as failed:
            await said(database, "hello")
        return failed.value

    error = asyncio.run(run())
    assert str(error) == "the engine does not answer"
    assert "Connection ***" in error.detail, "a password is masked in every place"


def test_a_query_that_hangs_fails_after_the_timeout() -> None:
    async def run(wire: ScriptedWire) -> None:
        database = Database(wire.dsn, connections=1)
        await said(database, "hello")
        database._timeout = 0.2  # of the question alone: a new connection may take longer
        with pytest.raises(EngineAwayError, match=r"the engine does not answer within 0\.2 s"):
            await said(database, "hang")
        database._timeout = PATIENCE
        assert await said(database, "hello") == "hello"
        database.close()

    with ScriptedWire(answer) as wire:
        asyncio.run(run(wire))


def test_discarding_a_broken_connection_leaves_the_next_owner_of_its_number_alone() -> None:
    """libpq has closed the socket by then: a client may have come, and have been given its number.

    The loop must go on watching that client, or nothing that it sends is ever seen.
    """

    async def run(wire: ScriptedWire) -> bytes:
        database = Database(wire.dsn)
        connection = await database._open()
        number = connection.connection.fileno()
        ours, theirs = socket.socketpair()
        with pytest.raises(BrokenConnectionError):
            await database._within_timeout(connection, connection.execute("break off"))
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
                return await asyncio.wait_for(heard, PATIENCE)
            finally:
                loop.remove_handler(number)
                os.close(number)

    with ScriptedWire(answer) as wire:
        assert asyncio.run(run(wire)) == b"heard"


def answer_slowly(statement: str, session: Session) -> None:
    """Send ten rows, with a pause before each."""
    session.begin_rows([("n", TEXT)])
    for number in range(10):
        time.sleep(0.5)
        session.more_rows([(str(number),)])
    session.end_rows(10)


async def numbers(database: Database) -> list[str | None]:
    async with database.ask("slowly") as answer:
        return [row[0] for row in answer.take(answer.size)]


def test_an_answer_that_keeps_coming_may_take_longer_than_the_timeout() -> None:
    with ScriptedWire(answer_slowly) as wire:
        database = Database(wire.dsn, timeout=4.5)
        assert asyncio.run(numbers(database)) == [str(number) for number in range(10)]


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.upstream.database.WHOLE_ANSWER", 0.05)
    with ScriptedWire(answer_slowly) as wire:
        database = Database(wire.dsn, timeout=20.0)
        with pytest.raises(SlowAnswerError, match=r"does not answer within 1 s"):
            asyncio.run(numbers(database))
