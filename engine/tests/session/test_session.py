"""The protocol as a session speaks it: which messages answer which, and what an error ends."""

from __future__ import annotations

import asyncio

from engine.coordinator import SubscribedChange
from engine.pgwire import messages as m
from engine.pgwire.reader import MalformedMessageError
from engine.tests.session.conversation import (
    Conversation,
    converse,
    error,
    kinds,
    rows,
    tags,
    until,
)
from engine.tests.session.fake import FakeSubscription


@converse
async def test_a_simple_query(client: Conversation) -> None:
    answer = await client.query("SELECT * FROM v")
    assert kinds(answer) == "TDDCZ"
    assert rows(answer) == [(b"Alice", b"2"), (b"Bob\t", None)]
    assert tags(answer) == ["SELECT 2"]
    assert answer[-1] == ("Z", b"I")


@converse
async def test_an_empty_query(client: Conversation) -> None:
    assert kinds(await client.query(" ; -- nothing\n")) == "IZ"


@converse
async def test_several_statements_stop_at_the_first_error(client: Conversation) -> None:
    answer = await client.query("SELECT 1; SELECT * FROM nope; SELECT 2")
    assert kinds(answer) == "TDCEZ"
    assert error(answer)["M"] == "unknown catalog item 'nope'"


@converse
async def test_a_syntax_error_runs_nothing_and_has_a_place(client: Conversation) -> None:
    answer = await client.query("SELECT 1; TAIL v x")
    assert kinds(answer) == "EZ"
    assert error(answer) | {"S": ""} == {
        "S": "",
        "V": "ERROR",
        "C": "42601",
        "M": 'Expected end of statement, found identifier "x"',
        "P": "18",
    }


@converse
async def test_an_extended_query(client: Conversation) -> None:
    answer = await client.say(
        m.Parse("s", "SELECT $1", ()),
        m.Describe("statement", "s"),
        m.Bind("", "s", (), (b"hello",), ()),
        m.Describe("portal", ""),
        m.Execute("", 0),
        m.Sync(),
    )
    assert kinds(answer) == "1tT2TDCZ"
    assert rows(answer) == [(b"hello",)]


@converse
async def test_an_error_makes_void_what_comes_before_sync(client: Conversation) -> None:
    answer = await client.say(
        m.Bind("", "nope", (), (), ()), m.Execute("", 0), m.Query("SELECT 1"), m.Sync()
    )
    assert kinds(answer) == "EZ"
    assert error(answer)["M"] == 'prepared statement "nope" does not exist'
    assert kinds(await client.query("SELECT 1")) == "TDCZ"


@converse
async def test_a_portal_is_read_in_parts(client: Conversation) -> None:
    answer = await client.say(
        m.Parse("", "SELECT * FROM v", ()),
        m.Bind("p", "", (), (), (0, 1)),
        m.Execute("p", 1),
        m.Execute("p", 1),
        m.Execute("p", 1),
    )
    assert kinds(answer) == "12DsDCC"
    assert tags(answer) == ["SELECT 1", "SELECT 0"]
    assert kinds(await client.say(m.Sync(), m.Execute("p", 1), m.Sync())) == "ZEZ"


@converse
async def test_statements_and_portals_are_closed(client: Conversation) -> None:
    answer = await client.say(
        m.Parse("s", "SELECT 1", ()),
        m.Parse("s", "SELECT 1", ()),
        m.Sync(),
        m.Close("statement", "s"),
        m.Close("portal", "never was"),
        m.Parse("s", "", ()),
        m.Describe("statement", "s"),
        m.Bind("", "s", (), (), ()),
        m.Execute("", 0),
        m.Sync(),
    )
    assert kinds(answer) == "1EZ331tn2IZ"


@converse
async def test_parameters_are_counted_and_read(client: Conversation) -> None:
    parse = m.Parse("s", "SELECT $1", ())
    answer = await client.say(parse, m.Bind("", "s", (), (), ()), m.Sync())
    assert "supplies 0 parameters" in error(answer)["M"]
    answer = await client.say(m.Bind("", "s", (), (b"\xff",), ()), m.Sync())
    assert error(answer)["C"] == "22021"
    answer = await client.say(m.Bind("", "s", (0, 0), (b"x",), ()), m.Sync())
    assert error(answer)["C"] == "08P01"
    answer = await client.say(m.Bind("p", "s", (), (b"x",), (0, 0)), m.Execute("p", 0), m.Sync())
    assert "expected 1 formats" in error(answer)["M"]


@converse
async def test_a_failed_transaction_takes_nothing_but_its_end(client: Conversation) -> None:
    assert (await client.query("BEGIN"))[-1] == ("Z", b"T")
    assert (await client.query("SELECT * FROM nope"))[-1] == ("Z", b"E")
    assert error(await client.query("SELECT 1"))["C"] == "25P02"
    answer = await client.query("COMMIT")
    assert tags(answer) == ["ROLLBACK"]
    assert answer[-1] == ("Z", b"I")


@converse
async def test_reads_of_a_transaction_share_a_time(client: Conversation) -> None:
    await client.query("BEGIN; SELECT * FROM v")
    await client.query("SELECT * FROM v")
    first, second = (peek["read"] for peek in client.coordinator.peeked)
    assert first is second is not None
    assert not first.closed
    await client.query("COMMIT")
    assert first.closed


@converse
async def test_inserts_are_done_together_at_the_end(client: Conversation) -> None:
    await client.query("BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
    assert client.coordinator.written == []
    await client.query("COMMIT")
    assert client.coordinator.written == [["INSERT 0", "INSERT 0"]]
    await client.query("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
    assert len(client.coordinator.written) == 2
    await client.query("UPDATE t SET a = 1")
    assert client.coordinator.written[-1] == ["UPDATE"]
    await client.query("BEGIN; INSERT INTO t VALUES (1); ROLLBACK")
    assert len(client.coordinator.written) == 3


@converse
async def test_pipelined_inserts_are_one_write(client: Conversation) -> None:
    messages: list[m.FrontendMessage] = [m.Parse("", "INSERT INTO t VALUES (1)", ())]
    for _ in range(3):
        messages += m.Bind("", "", (), (), ()), m.Execute("", 0)
    answer = await client.say(*messages, m.Sync())
    assert tags(answer) == ["INSERT 0 1"] * 3
    assert client.coordinator.written == [["INSERT 0"] * 3]


@converse
async def test_ddl_stands_alone(client: Conversation) -> None:
    create = "CREATE VIEW x AS SELECT 1"
    assert tags(await client.query(create)) == ["CREATE VIEW"]
    assert error(await client.query(f"{create}; {create}"))["C"] == "25001"
    await client.query("BEGIN")
    refused = error(await client.query(create))
    assert refused["M"] == "CREATE VIEW cannot be run inside a transaction block"
    assert len(client.coordinator.ddl) == 1


@converse
async def test_a_copy_of_a_tail_goes_on_until_it_ends(client: Conversation) -> None:
    task = asyncio.create_task(client.query("COPY (TAIL v WITH (PROGRESS)) TO STDOUT"))
    subscription = await _subscription(client)
    subscription.feed(SubscribedChange(5, [(("a\\b", None), -2)]), SubscribedChange(7, ()))
    subscription.finish()
    answer = await task
    assert [body for kind, body in answer if kind == "d"] == [
        b"5\tf\t-2\ta\\\\b\t\\N\n",
        b"7\tt\t\\N\t\\N\t\\N\n",
    ]
    assert kinds(answer) == "HddcCZ"
    assert tags(answer) == ["COPY 2"]
    options = {"snapshot": True, "progress": True, "as_of": None, "up_to": None, "verb": "TAIL"}
    assert client.coordinator.subscribed == [options]
    assert subscription.closed


@converse
async def test_a_cancelled_tail_is_closed(client: Conversation) -> None:
    task = asyncio.create_task(client.query("TAIL v"))
    subscription = await _subscription(client)
    await asyncio.sleep(0)
    assert client.session.interrupt()
    answer = await task
    assert kinds(answer) == "NTEZ"
    assert error(answer)["C"] == "57014"
    assert subscription.closed
    assert not client.session.interrupt()
    assert kinds(await client.query("SELECT 1")) == "TDCZ"


@converse
async def test_a_waiting_select_can_be_cancelled(client: Conversation) -> None:
    task = asyncio.create_task(client.query("SELECT * FROM slow"))
    await until(lambda: client.coordinator.peeked)
    client.session.interrupt()
    assert error(await task)["M"] == "canceling statement due to user request"


@converse
async def test_a_client_that_does_not_read_is_not_sent_more(client: Conversation) -> None:
    task = asyncio.create_task(client.query("COPY (TAIL v) TO STDOUT"))
    subscription = await _subscription(client)
    client.writable.clear()
    subscription.feed(SubscribedChange(1, [(("first", 1), 1)]))
    await until(lambda: not subscription.waiting)
    for _ in range(20):
        subscription.feed(SubscribedChange(2, [(("second", 1), 1)]))
        await asyncio.sleep(0)
    assert len(subscription.waiting) == 20
    client.writable.set()
    subscription.finish()
    assert tags(await task) == ["COPY 21"]


@converse
async def test_nothing_begins_for_a_client_that_is_gone(client: Conversation) -> None:
    client.session.abandon()
    assert error(await client.query("COPY (TAIL v) TO STDOUT"))["C"] == "08006"
    assert client.coordinator.subscriptions == []


@converse
async def test_a_cursor(client: Conversation) -> None:
    await client.query("BEGIN")
    assert tags(await client.query("DECLARE c CURSOR FOR TAIL v")) == ["DECLARE CURSOR"]
    assert client.coordinator.subscriptions == []
    assert tags(await client.query("FETCH 5 c WITH (timeout = '0s')")) == ["FETCH 0"]
    (subscription,) = client.coordinator.subscriptions
    subscription.feed(SubscribedChange(1, [(("x", n), 1) for n in range(5)]))
    answer = await client.query("FETCH 2 c")
    assert rows(answer) == [(b"1", b"1", b"x", b"0"), (b"1", b"1", b"x", b"1")]
    assert tags(await client.query("FETCH ALL c")) == ["FETCH 3"]
    assert tags(await client.query("FETCH 9 c WITH (timeout = '20ms')")) == ["FETCH 0"]
    task = asyncio.create_task(client.query("FETCH 9 c WITH (timeout = '10s')"))
    await until(lambda: client.session._executor.interruption._task)
    client.session.interrupt()
    assert error(await task)["C"] == "57014"
    await client.query("ROLLBACK")
    assert subscription.closed
    assert error(await client.query("FETCH c"))["C"] == "34000"


@converse
async def test_a_cursor_needs_a_transaction(client: Conversation) -> None:
    assert error(await client.query("DECLARE c CURSOR FOR SELECT 1"))["C"] == "25P01"


@converse
async def test_a_fetch_is_cancelled_while_it_gathers(client: Conversation) -> None:
    await client.query("BEGIN; DECLARE c CURSOR FOR TAIL v; FETCH 1 c WITH (timeout = '0s')")
    (subscription,) = client.coordinator.subscriptions
    subscription.feed(SubscribedChange(1, [(("x", 1), 1)]))
    task = asyncio.create_task(client.query("FETCH 9 c WITH (timeout = '10s')"))
    await until(lambda: not subscription.waiting)
    client.session.interrupt()
    assert error(await task)["C"] == "57014"
    assert (await client.query("ROLLBACK"))[-1] == ("Z", b"I")


@converse
async def test_a_message_that_cannot_be_read_is_an_error(client: Conversation) -> None:
    noise = MalformedMessageError("noise")
    client.session.reject(noise)
    client.session.reject(noise)
    assert kinds(await client.say(m.Execute("", 0), m.Sync())) == "EZ"
    noise.in_query = True
    client.session.reject(noise)
    assert kinds(client.heard()) == "EZ"


@converse
async def test_settings_are_reported_and_come_back(client: Conversation) -> None:
    assert kinds(await client.query("SET application_name = 'a'")) == "SCZ"
    await client.query("BEGIN; SET LOCAL application_name = 'b'")
    assert rows(await client.query("SHOW application_name")) == [(b"b",)]
    await client.query("COMMIT")
    assert rows(await client.query("SHOW application_name")) == [(b"a",)]
    assert tags(await client.query("DISCARD ALL")) == ["DISCARD ALL"]
    assert rows(await client.query("SHOW application_name")) == [(b"",)]


@converse
async def test_a_fault_of_ours_ends_one_statement_only(client: Conversation) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("ours")

    client.coordinator.begin_read = fail  # type: ignore[assignment,method-assign]
    answer = await client.query("SELECT * FROM v")
    assert error(answer)["M"] == "internal error: ZeroDivisionError: ours"
    assert kinds(await client.query("SELECT 1")) == "TDCZ"


async def _subscription(client: Conversation) -> FakeSubscription:
    """The TAIL that the client has begun, once it has."""
    await until(lambda: client.coordinator.subscriptions)
    return client.coordinator.subscriptions[0]
