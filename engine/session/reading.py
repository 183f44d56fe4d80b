"""Opens the rows of a plan, and sends them no faster than the client reads them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.coordinator import BLOCK_ROWS, Coordinator
from engine.query import Query
from engine.session import encode
from engine.session.change_text import ChangeText
from engine.session.parameters import with_values
from engine.session.peer import Peer
from engine.session.plan import AnswerPlan, ReadPlan, SelectPlan, TailPlan, as_of_time
from engine.session.portal import Portal
from engine.session.rows import FinishedRows, Rows, TailRows
from engine.session.transaction import Transaction
from engine.session.upsert import UpsertRows
from engine.zset import Row, Value

SLICE = 250
"""Rows that are encoded before the event loop runs other tasks."""


class Reading:
    def __init__(self, coordinator: Coordinator, transaction: Transaction, output: Peer) -> None:
        self._coordinator = coordinator
        self._transaction = transaction
        self._output = output

    async def open(self, portal: Portal, plan: ReadPlan) -> Rows:
        """The rows of a portal: on the first call it asks for the answer, or begins the TAIL."""
        if portal.rows is None:
            portal.rows = await self._begin(plan, portal.parameters)
        return portal.rows

    async def _begin(self, plan: ReadPlan, parameters: Sequence[Value]) -> Rows:
        match plan:
            case SelectPlan(query, as_of):
                time = await self._time(as_of)
                read = self._transaction.read(query.inputs)
                answer = await self._coordinator.peek(query, parameters, time, read)
                return FinishedRows(answer.rows)
            case TailPlan():
                return await self._begin_tail(plan, parameters)
            case AnswerPlan():
                return FinishedRows(plan.rows())

    async def _begin_tail(self, plan: TailPlan, parameters: Sequence[Value]) -> Rows:
        asked = plan.statement
        as_of, up_to = await self._time(plan.as_of), await self._time(plan.up_to)
        target = plan.target
        if plan.template is not None:
            tree = with_values(plan.template, plan.parameters, parameters)
            target = self._coordinator.compile(tree, maintained=True)
        self._transaction.tail(asked.verb)
        subscription = await self._coordinator.subscribe(
            target,
            snapshot=asked.snapshot,
            progress=asked.progress or bool(asked.upsert_key),
            as_of=as_of,
            up_to=up_to,
            verb=asked.verb,
        )
        if asked.upsert_key:
            return UpsertRows(subscription, asked.upsert_key, progress=asked.progress)
        return TailRows(subscription, progress=asked.progress)

    async def _time(self, as_of: Query | None) -> int | None:
        if as_of is None:
            return None
        answer = await self._coordinator.peek(as_of)
        return as_of_time(answer.rows[0][0], as_of.columns[0].type)

    async def stream(self, portal: Portal, rows: Rows, encoder: encode.RowEncoder) -> int:
        """Send all rows as they come; returns their number."""
        count = len(portal.spare)
        await self.send(portal.spare, encoder, last=False)
        portal.spare = ()
        if isinstance(rows, TailRows | UpsertRows):
            # The next row may be late: send what was written so far.
            self._output.flush()
        while (batch := await rows.next()) is not None:
            await self.send(batch, encoder, last=rows.ended)
            count += len(batch)
        portal.done = True
        return count

    async def stream_changes(self, portal: Portal, rows: TailRows, text: ChangeText) -> int:
        """Send all rows of a TAIL as they come, in COPY's text; returns their number."""
        count = undrained = 0
        self._output.flush()
        while (batch := await rows.next_changes()) is not None:
            for change in batch:
                if change.is_progress:
                    if rows.progress:
                        self._output.write(text.progress(change.time))
                        count += 1
                    continue
                for block in change.blocks():
                    self._output.write(rows.encoded(block, text))
                    undrained += len(block.updates)
                    if undrained > BLOCK_ROWS:
                        await self._output.drain()
                        undrained = 0
                count += len(change.updates)
            if not rows.ended:
                await self._output.drain()
                undrained = 0
        portal.done = True
        return count

    async def send(self, rows: Sequence[Row], encoder: encode.RowEncoder, *, last: bool) -> None:
        """Send rows, in slices; the very last slice may wait for what is written after it."""
        for start in range(0, len(rows), SLICE):
            self._output.write(b"".join(map(encoder, rows[start : start + SLICE])))
            if not last or start + SLICE < len(rows):
                await self._output.drain()
