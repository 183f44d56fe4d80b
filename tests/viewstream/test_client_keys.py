"""Keyed changes of the Python client, as `tests/static/snapshot.test.mjs` has them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.client import Change, Stream, Updated, follow
from viewstream.client.change import merge
from viewstream.protocol import Base, Column, Delta, Row

EPOCH = "1-u1"
COLUMNS = [Column("user", "text"), Column("count", "int8")]


def change_of(*weighted: tuple[int, Row], **more: Any) -> Change:
    rows = {row: weight for weight, row in weighted}
    columns = {"columns": COLUMNS, "columns_before": COLUMNS, "key": ("user",)}
    return Change("v", EPOCH, 10, 20, rows, **{**columns, **more})


def row(user: str | None, count: int) -> dict[str, Any]:
    return {"user": user, "count": count}


def test_rows_of_a_key_are_paired() -> None:
    change = change_of((-1, ("Alice", "12")), (1, ("Alice", "13")), (1, ("Carol", "1")))
    assert change.updated == [Updated(row("Alice", 12), row("Alice", 13))]
    assert (change.inserted, change.deleted) == ([row("Carol", 1)], [])


def test_rows_of_one_key_are_paired_as_often_as_there_are_two() -> None:
    change = change_of((-1, ("Alice", "12")), (2, ("Alice", "1")), (-1, ("Bob", "9")))
    assert change.updated == [Updated(row("Alice", 12), row("Alice", 1))]
    assert (change.inserted, change.deleted) == ([row("Alice", 1)], [row("Bob", 9)])


def test_null_and_the_text_null_are_two_keys() -> None:
    change = change_of((-1, (None, "1")), (1, ("null", "1")))
    assert change.updated == []
    assert (change.inserted, change.deleted) == ([row("null", 1)], [row(None, 1)])


def test_without_a_key_nothing_is_updated() -> None:
    change = change_of((-1, ("Alice", "12")), (1, ("Alice", "13")), key=())
    assert change.updated == []
    assert (change.inserted, change.deleted) == ([row("Alice", 13)], [row("Alice", 12)])


def test_a_merged_change_pairs_what_both_changed() -> None:
    first = change_of((-1, ("Alice", "12")), (1, ("Alice", "13")))
    second = change_of((-1, ("Alice", "13")), (1, ("Alice", "14")))
    merged = merge(first, second)
    assert merged.updated == [Updated(row("Alice", 12), row("Alice", 14))]
    assert merged.inserted == merged.deleted == []


def test_columns_without_the_key_before_are_not_paired() -> None:
    other = [Column("editor", "text"), Column("count", "int8")]
    first = change_of((-1, ("Alice", "12")), columns_before=other, key=())
    merged = merge(first, change_of((1, ("Alice", "13"))))
    assert merged.updated == []
    assert merged.deleted == [{"editor": "Alice", "count": 12}]


def test_follow_takes_keys_by_the_names_of_views() -> None:
    def script(connection: Connection) -> None:
        connection.send(Base("v", EPOCH, 10, COLUMNS, [("Alice", "12")]))
        updates = [(11, -1, ("Alice", "12")), (11, 1, ("Alice", "13"))]
        connection.send(Delta("v", EPOCH, 10, 20, updates))

    seen: list[Change] = []

    async def run(url: str) -> None:
        stream = Stream(url, ["v"], keys={"v": ["user"]}, on_change=lambda _, one: seen.append(one))
        running = asyncio.create_task(stream.run())
        await stream.until(lambda: len(seen) == 2)
        running.cancel()
        await asyncio.wait([running])  # a second cancel would interrupt the close of its socket

    with ScriptedStream() as server:
        server.on_open = script
        asyncio.run(run(server.url))
    assert [change.updated for change in seen] == [
        [],
        [Updated(row("Alice", 12), row("Alice", 13))],
    ]
    assert seen[0].inserted == [row("Alice", 12)]


def test_a_key_that_is_no_column_is_logged_and_the_view_works_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def script(connection: Connection) -> None:
        connection.send(Base("v", EPOCH, 10, COLUMNS, [("Alice", "12")]))

    async def run(url: str) -> Change:
        async with asyncio.timeout(90), follow(url, "v", keys={"v": "editor"}) as stream:
            return await anext(stream["v"].__aiter__())

    with ScriptedStream() as server, caplog.at_level(logging.ERROR, "viewstream"):
        server.on_open = script
        change = asyncio.run(run(server.url))
    assert change.inserted == [row("Alice", 12)]
    expected = "expected one of the columns of v (count, user) as key, found editor"
    assert expected in [record.getMessage() for record in caplog.records]


def test_keys_of_a_view_that_is_not_followed_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="expected keys of v, found w"):
        Stream("http://127.0.0.1:1", ["v"], keys={"w": "user"})
