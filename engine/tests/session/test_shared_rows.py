"""Cursors over TAILs of one relation encode its rows once, for each form that they are asked in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.pgwire.messages import BINARY
from engine.session import encode
from engine.session.rows import SharedRow, TailRows, tail_columns
from engine.tests.coordinator.support import Engine
from engine.zset import Row

ROWS = 1300


class Cursor:
    """A TAIL with its encoder, and the number of rows that were encoded by it."""

    def __init__(self, rows: TailRows, formats: Sequence[int]) -> None:
        columns = tail_columns(rows.columns, progress=rows.progress)
        self.rows, self.plain, self.count = rows, encode.data_rows(columns, formats), 0
        self.encode = rows.share(self._counted, formats)

    def _counted(self, row: Row) -> bytes:
        self.count += 1
        return self.plain(row)

    def fetch(self) -> list[bytes]:
        return [self.encode(row) for row in self.rows.ready()]


def test_rows_are_encoded_once_for_each_form() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE TABLE t (a int, b text)")
            begin = engine.coordinator.now
            await engine.run(
                f"INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, {ROWS}) AS g (n)",
                "DELETE FROM t WHERE a < 10",
            )

            async def cursor(*formats: int, progress: bool = False) -> Cursor:
                tail = await engine.tail("t", as_of=begin, progress=progress)
                return Cursor(TailRows(tail.subscription, progress=progress), formats)

            alone = await cursor()
            expected = alone.fetch()
            assert alone.count == len(expected) == ROWS + 9
            alone.rows.close()

            first, second, other = [await cursor(), await cursor(), await cursor(BINARY)]
            wide = await cursor(progress=True)
            assert first.fetch() == second.fetch() == expected
            assert (first.count, second.count) == (ROWS + 9, 0)
            binary, progressed = other.fetch(), wide.fetch()
            assert (other.count, len(binary)) == (ROWS + 9, ROWS + 9)
            assert (wide.count, len(progressed)) == (ROWS + 10, ROWS + 10)
            assert not {*binary, *progressed} & {*expected}

    asyncio.run(scenario())


def test_a_row_that_waits_is_encoded_in_the_form_of_the_next_fetch() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
            tails = [await engine.tail("t") for _ in range(2)]
            text, binary = [Cursor(TailRows(t.subscription, progress=False), f) for t, f in
                            zip(tails, ((), (BINARY,)), strict=True)]  # fmt: skip
            (row,) = text.rows.ready()
            assert isinstance(row, SharedRow)
            assert binary.encode(row) == binary.plain(row) != text.encode(row) == text.plain(row)

    asyncio.run(scenario())
