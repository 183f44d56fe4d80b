"""The Python client as its users see it: `async with follow(..)`, `async for change in view`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.client import Change, FollowError, Stream, View, follow
from viewstream.client.change import merge
from viewstream.client.state import RefusalError, receive
from viewstream.client.values import read_value
from viewstream.protocol import Base, Column, Delta, Row, Status

EPOCH = "1-u1"
COLUMNS = [Column("user", "text"), Column("count", "int8")]
ALICE, BOB, CAROL = ("Alice", "12"), ("Bob", "9"), ("Carol", "3")


def base(upper: int, *rows: Row, view: str = "v", **more: Any) -> Base:
    return Base(view, EPOCH, upper, COLUMNS, rows, **more)


def delta(lower: int, upper: int, *updates: Any, view: str = "v") -> Delta:
    return Delta(view, EPOCH, lower, upper, updates)


def play(script: Callable[[Connection], None], use: Callable[[Stream], Awaitable[None]]) -> None:
    """Follow `v` and `w` of a server that plays `script` on each connection."""

    async def run(url: str) -> None:
        async with asyncio.timeout(90), follow(url, "v", "w") as stream:
            await use(stream)

    with ScriptedStream() as server:
        server.on_open = script
        asyncio.run(run(server.url))


async def take(view: View, count: int) -> list[Change]:
    changes = []
    async for change in view:
        changes.append(change)
        if len(changes) == count:
            break
    return changes


def test_changes_come_as_rows_with_python_values() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE, BOB, BOB))

    async def use(stream: Stream) -> None:
        view = stream["v"]
        assert (view.rows(), view.is_loaded, view.position) == ([], False, None)
        (change,) = await take(view, 1)
        assert (change.lower, change.upper, change.epoch) == (None, 10, EPOCH)
        assert change.inserted == [
            {"user": "Alice", "count": 12},
            {"user": "Bob", "count": 9},
            {"user": "Bob", "count": 9},
        ]
        assert change.deleted == []
        assert view.rows() == change.inserted
        assert [column.name for column in view.columns] == ["user", "count"]
        assert view.is_loaded

    play(script, use)


def test_entries_have_a_row_once_that_is_there_ten_million_times() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE, BOB))
        connection.send(delta(10, 20, (15, -1, ALICE), (15, 9_999_999, BOB)))

    async def use(stream: Stream) -> None:
        alice, bob = {"user": "Alice", "count": 12}, {"user": "Bob", "count": 9}
        view = stream["v"]
        changes = aiter(view)
        change = await anext(changes)
        if change.upper == 10:  # and not both at once, merged
            assert change.entries() == [(alice, 1), (bob, 1)]
            change = await anext(changes)
            assert change.entries() == [(bob, 9_999_999), (alice, -1)]
        assert view.entries() == [(bob, 10_000_000)]

    play(script, use)


def test_a_change_has_the_inserted_and_the_deleted_rows() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE, BOB, BOB))
        connection.send(delta(10, 20, (15, -2, BOB), (15, 1, CAROL)))

    async def use(stream: Stream) -> None:
        changes = aiter(stream["v"])
        first = await anext(changes)
        if first.upper == 10:  # and not both at once, merged
            second = await anext(changes)
            assert (second.lower, second.upper) == (10, 20)
            assert second.inserted == [{"user": "Carol", "count": 3}]
            assert second.deleted == [{"user": "Bob", "count": 9}] * 2
        alice, carol = {"user": "Alice", "count": 12}, {"user": "Carol", "count": 3}
        assert stream["v"].rows() == [alice, carol]

    play(script, use)


def test_an_iterator_that_begins_late_begins_with_all_rows() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE))
        connection.send(delta(10, 20, (15, 1, BOB)))

    async def use(stream: Stream) -> None:
        view = stream["v"]
        await stream.until(lambda: len(view.state.rows) == 2)
        (change,) = await take(view, 1)
        assert (change.lower, change.upper, change.rows) == (None, 20, {ALICE: 1, BOB: 1})

    play(script, use)


def test_a_slow_consumer_gets_one_merged_change() -> None:
    last = 200

    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE))
        for time in range(10, last):
            row = BOB if time % 2 else CAROL
            connection.send(delta(time, time + 1, (time, 1, row), (time, -1, row)))
        connection.send(delta(last, last + 1, (last, -1, ALICE), (last, 1, BOB)))

    async def use(stream: Stream) -> None:
        view = stream["v"]
        changes = aiter(view)
        first = await anext(changes)
        await stream.until(lambda: view.position and view.position.frontier == last + 1)
        second = await anext(changes)
        assert second.lower == first.upper
        assert second.upper == last + 1
        total = merge(first, second)
        assert (total.lower, total.rows) == (None, {BOB: 1})

    play(script, use)


def test_two_consumers_of_one_view_get_all_of_it() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE))

    async def use(stream: Stream) -> None:
        both = await asyncio.gather(take(stream["v"], 1), take(stream["v"], 1))
        assert both[0] == both[1]

    play(script, use)


def test_an_abandoned_iterator_is_freed() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE))

    async def use(stream: Stream) -> None:
        for _ in range(5):
            await take(stream["v"], 1)
        assert len(stream["v"]._changes) == 0

    play(script, use)


# Ends


def test_iterators_end_with_the_block() -> None:
    async def run(url: str) -> list[Change]:
        async with follow(url, "v") as stream:
            consumer = asyncio.create_task(take(stream["v"], 2))
            await stream.until(lambda: stream["v"].position)
        changes = await asyncio.wait_for(consumer, 30)
        assert stream["v"].standing == ("closed", "")
        assert [change async for change in stream["v"]] == changes
        with pytest.raises(FollowError, match="the stream is closed"):
            await stream.until(lambda: False)
        return changes

    with ScriptedStream() as server:
        server.on_open = lambda connection: connection.send(base(10, ALICE))
        assert [change.upper for change in asyncio.run(run(server.url))] == [10]


def test_a_refusal_for_good_is_raised_in_the_iterator_and_by_until() -> None:
    async def run(url: str) -> None:
        async with follow(url, "v") as stream:
            with pytest.raises(FollowError, match="404"):
                await take(stream["v"], 1)
            with pytest.raises(FollowError, match="404"):
                await stream.until(lambda: False)
            assert stream["v"].standing.state == "closed"
            raise ZeroDivisionError  # an error of the block is the one that counts

    with ScriptedStream() as server:
        server.refuse_with = 404
        with pytest.raises(ZeroDivisionError):
            asyncio.run(run(server.url))
        assert server.refused == 1


def test_a_block_that_ignored_a_refusal_ends_with_it() -> None:
    async def run(url: str) -> None:
        async with follow(url, "v") as stream:
            with pytest.raises(FollowError):
                await stream.until(lambda: False)

    with ScriptedStream() as server:
        server.refuse_with = 403
        with pytest.raises(FollowError, match="403"):
            asyncio.run(run(server.url))


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404])
def test_a_close_code_of_a_refusal_is_one(code: int) -> None:
    async def run(url: str) -> None:
        async with follow(url, "v") as stream:
            await take(stream["v"], 1)

    with ScriptedStream() as server:
        server.on_open = lambda connection: connection.close(code, "no view 'v'")
        with pytest.raises(FollowError, match=f"closed with {code}: no view 'v'"):
            asyncio.run(run(server.url))
        assert len(server.connections) == 1


def test_one_refused_view_does_not_end_the_others() -> None:
    def script(connection: Connection) -> None:
        connection.send(Status("w", "refused", "no view 'w'; there are v"))
        connection.send(base(10, ALICE))

    async def use(stream: Stream) -> None:
        with pytest.raises(FollowError, match="no view 'w'; there are v"):
            await take(stream["w"], 1)
        assert stream["w"].standing == ("refused", "no view 'w'; there are v")
        assert len(await take(stream["v"], 1)) == 1

    play(script, use)


# Standing


def test_the_standing_follows_the_connection_and_the_server() -> None:
    def script(connection: Connection) -> None:
        connection.send(Status("v", "waiting", "the engine does not answer"))

    async def use(stream: Stream) -> None:
        view, other = stream["v"], stream["w"]
        assert view.standing == ("connecting", "")
        await stream.until(lambda: view.standing == ("waiting", "the engine does not answer"))
        assert other.standing == ("waiting", "")

    play(script, use)


def test_the_standing_of_a_live_view() -> None:
    def script(connection: Connection) -> None:
        connection.send(base(10, ALICE))
        connection.send(Status("v", "stale", "no pipeline posts"))
        connection.send(Status("w", "live", "the engine does not answer"))
        connection.send(base(10, view="w"))

    async def use(stream: Stream) -> None:
        await stream.until(lambda: stream["w"].is_loaded)
        assert stream["v"].standing == ("stale", "no pipeline posts")
        assert stream["w"].standing == ("live", "the engine does not answer")
        assert stream["w"].rows() == []

    play(script, use)


def test_a_view_that_lost_its_connection_keeps_its_rows() -> None:
    view = View("v")
    assert view.standing.state == "connecting"
    view.on_connected()
    assert view.standing.state == "waiting"
    receive(view.state, base(10, ALICE))
    receive(view.state, Status("v", "stale", "no pipeline posts"))
    assert view.standing == ("stale", "no pipeline posts")
    view.on_disconnected()
    assert view.standing == ("connecting", "")
    view.state.forget()
    assert view.is_loaded
    assert len(view.rows()) == 1
    view.on_connected()
    assert view.standing == ("waiting", "")


def test_a_view_of_wrong_checksums_is_unverified() -> None:
    view = View("v")
    view.on_connected()
    for _ in range(2):
        with pytest.raises(RefusalError):
            receive(view.state, base(10, ALICE, checksum=1))
    receive(view.state, base(10, ALICE, checksum=1))
    assert view.standing == ("unverified", "")


def test_a_relation_without_columns_is_loaded_by_its_base() -> None:
    view = View("v")
    receive(view.state, Base("v", EPOCH, 10, [], [(), ()]))
    assert view.is_loaded
    assert view.rows() == [{}, {}]


# Parts


def change(lower: int | None, upper: int, rows: dict[Row, int]) -> Change:
    return Change("v", EPOCH, lower, upper, rows, COLUMNS, COLUMNS)


def test_merging_adds_the_weights() -> None:
    first, second = change(5, 10, {ALICE: 1, BOB: -1}), change(10, 20, {ALICE: -1, BOB: -1})
    assert merge(first, second) == change(5, 20, {BOB: -2})
    assert merge(first, change(None, 20, {CAROL: 1})) == change(
        None, 20, {ALICE: 1, BOB: -1, CAROL: 1}
    )
    assert first == change(5, 10, {ALICE: 1, BOB: -1})


def test_merging_keeps_the_columns_of_either_side() -> None:
    other = [Column("n", "int4")]
    replaced = Change("v", "1-u2", None, 30, {ALICE: -1, ("7",): 1}, other, COLUMNS)
    merged = merge(change(5, 10, {}), replaced)
    assert merged.inserted == [{"n": 7}]
    assert merged.deleted == [{"user": "Alice", "count": 12}]


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("int8", "-9223372036854775808", -(2**63)),
        ("int2", "7", 7),
        ("float8", "1e+300", 1e300),
        ("float4", "-Infinity", float("-inf")),
        ("numeric", "12345678901234567890.50", Decimal("12345678901234567890.50")),
        ("bool", "t", True),
        ("bool", "f", False),
        ("text", "t", "t"),
        ("timestamptz", "2020-01-02 01:04:05+00", "2020-01-02 01:04:05+00"),
        ("int8", None, None),
        ("unheard_of", "x", "x"),
    ],
)
def test_values(type_name: str, text: str | None, value: object) -> None:
    found = read_value(type_name, text)
    assert (found, type(found)) == (value, type(value))
