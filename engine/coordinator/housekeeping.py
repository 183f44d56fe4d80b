"""Compacts old history, ends slow TAILs and refreshes statistics, once in every tick."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from engine.coordinator.collection import Collection, Stored, Table
from engine.coordinator.introspection import Introspection
from engine.coordinator.maintained import Maintained
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.storage import StoreError
from engine.zset import Row

_STATISTICS_EVERY = 1.0
_READ_HOLDS_AT_LEAST = 60.0
"""Seconds for which a transaction can read at its time, however short the history window is."""


class Housekeeping:
    """Run once for every beat, between two ticks."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._introspection = Introspection(runtime)
        self._statistics_due = 0.0
        self._storing: asyncio.Task[None] | None = None

    def run(self) -> None:
        now = self._runtime.steady()
        self._runtime.window.mark(self._runtime.graph.upper - 1)
        self._compact(now)
        self._store_soon()
        if now >= self._statistics_due:
            self._statistics_due = now + _STATISTICS_EVERY
            self._refresh_statistics()

    async def settle(self) -> None:
        """Wait until the worker thread has stored its work."""
        if self._storing is not None:
            await self._storing

    # History

    def _compact(self, now: float) -> None:
        start = min(self._runtime.window.start, *self._held_by_reads(now), self._last_closed)
        for collection in self._all_collections():
            if isinstance(collection, Stored):
                self._compact_stored(collection, start)
            elif isinstance(collection, Source):
                collection.compact(min([start, *(h.needs_after for h in collection.holders)]))

    @property
    def _last_closed(self) -> int:
        return self._runtime.graph.upper - 1

    def _held_by_reads(self, now: float) -> Iterator[int]:
        longest = max(self._runtime.options.history_window / 1000, _READ_HOLDS_AT_LEAST)
        yield self._last_closed
        for began, time in self._runtime.reads.values():
            if now - began <= longest:
                yield time

    def _all_collections(self) -> set[Collection]:
        """Those of the catalog, and dropped ones that go on."""
        found: set[Collection] = set(self._runtime.collections.values())
        found.update(self._runtime.sources)
        found.update(self._runtime.graph.members)
        for readers in self._runtime.subscriptions.values():
            found.update(subscription.collection for subscription in readers)
        for member in self._runtime.graph.members:
            found.update(member.inputs.values())
        return found

    def _compact_stored(self, collection: Stored, start: int) -> None:
        options = self._runtime.options
        history = collection.history
        if history.updates > options.history_rows:
            start = max(start, history.time_holding(options.history_rows))
        if history.updates > options.history_rows + options.tail_backlog:
            limit = history.time_holding(options.history_rows + options.tail_backlog)
            for holder in [h for h in collection.holders if h.needs_after < limit]:
                holder.fell_behind()
        history.compact(min([start, *(holder.needs_after for holder in collection.holders)]))

    # What is stored

    def _store_soon(self) -> None:
        """Reserve time and compact stored updates in a worker thread."""
        if self._storing is not None and not self._storing.done():
            return
        work: list[Callable[[], None]] = []
        if self._runtime.timeline.is_running_out:
            work.append(self._runtime.timeline.reserve)
        for table in self._runtime.collections.values():
            if isinstance(table, Table) and table.stored_updates > _compaction_due(table):
                table.stored_updates = 0
                work.append(partial(self._runtime.store.compact, table.id, table.since))
        if work:
            self._storing = asyncio.create_task(asyncio.to_thread(_do_all, work))

    # Statistics

    def _refresh_statistics(self) -> None:
        system = self._runtime.system
        for source in self._runtime.sources:
            source.look()
            self._runtime.publish_errors(source)
        system.replace("mz_source_statistics", self._source_rows())
        system.replace("mz_view_statistics", self._view_rows())
        system.replace("mz_tails", self._tail_rows())
        self._introspection.refresh()

    def _source_rows(self) -> Iterator[Row]:
        for source in self._runtime.sources:
            if source.id in self._runtime.catalog:
                counts = (source.rows_read, source.bytes_read, source.errors_total)
                yield (source.id, source.name, *counts, source.state.value)

    def _view_rows(self) -> Iterator[Row]:
        for collection in self._runtime.collections.values():
            if isinstance(collection, Maintained):
                history = collection.history
                yield (
                    collection.id,
                    collection.name,
                    history.rows,
                    collection.rows_kept,
                    history.updates,
                    collection.is_complete,
                )

    def _tail_rows(self) -> Iterator[Row]:
        for readers in self._runtime.subscriptions.values():
            for tail in readers:
                started = datetime.fromtimestamp(tail.started_at / 1000, UTC).replace(tzinfo=None)
                name = tail.collection.name
                yield (tail.id, tail.collection.id, name, started, tail.sent, tail.lag)


def _compaction_due(table: Table) -> int:
    """How many updates are worth summing up."""
    return max(10_000, 2 * len(table.history.contents))


def _do_all(work: list[Callable[[], None]]) -> None:
    for each in work:
        with contextlib.suppress(StoreError):  # logged by the store, and tried again
            each()
