"""All that runs: the catalog and its collections, dataflows and subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count

from sqlglot import exp

from engine.catalog import Catalog, Item, add_system_items, with_oids
from engine.coordinator.collection import Collection, Hold, Stored, Table
from engine.coordinator.graph import Graph
from engine.coordinator.history import History
from engine.coordinator.hydration import Pacer, hydrate
from engine.coordinator.maintained import Maintained
from engine.coordinator.options import EngineOptions
from engine.coordinator.source import Source
from engine.coordinator.subscription import Subscription, SubscriptionOptions
from engine.coordinator.system import SystemRelations
from engine.coordinator.ticks import Ticks
from engine.coordinator.timeline import ReservedTimeline
from engine.coordinator.window import Window
from engine.errors import SqlError
from engine.query import Query, compile_query
from engine.scalar import Environment
from engine.storage import MemoryStore, SqliteStore, Store

_GATHERING = 0.05
"""Seconds for which the filling of a view waits for others to be created."""

_COMPILED = 128
"""Compiled queries that are kept."""

_LARGE_FILE = 4 * 1024 * 1024


class Runtime:
    """The state that reads, writes and definitions share; all of it lives on one event loop.

    `steady` gives seconds that never jump; the history window is measured with it.
    """

    def __init__(
        self, options: EngineOptions, clock: Callable[[], int], steady: Callable[[], float]
    ) -> None:
        self.options = options
        self.steady = steady
        self.store: Store = MemoryStore() if options.data is None else SqliteStore(options.data)
        self.timeline = ReservedTimeline(clock, steady, self.store)
        start = self.timeline.next()
        self.environment = Environment(
            start_time=datetime.fromtimestamp(start / 1000, UTC).replace(tzinfo=None), clock=clock
        )
        self.window = Window(options.history_window, steady, start)
        self.graph = Graph(start)
        self.pacer = Pacer()
        self.catalog = Catalog()
        add_system_items(self.catalog)
        self.system = SystemRelations(self.catalog)
        self.collections: dict[str, Collection] = {}
        """By id, what a query that is compiled now reads."""
        self.sources: set[Source] = set()
        """Those of the catalog, and dropped ones that still have readers."""
        self.subscriptions: dict[str, set[Subscription]] = {}
        """By the id of the collection that they read."""
        self.reads: dict[object, tuple[float, int]] = {}
        """The transactions that keep history from compaction: since when, and at which time."""
        self._compiled: dict[int, tuple[exp.Query, int, Query]] = {}
        """Queries by the ids of their trees, with the version of the catalog."""
        self._hydrations: set[asyncio.Task[None]] = set()
        self._numbers = count(1)
        self.ticks = Ticks(
            self.timeline,
            self.graph,
            self.pacer,
            self.system,
            self.collections,
            self.sources,
            self._wake_readers,
        )
        self._gathered: list[Maintained] = []
        self._stopped = False
        for item in self.catalog:
            table = Table(item.id, item.name, item.columns, History(self.window.start))
            table.set_complete()
            self.keep(table)
        self.ticks.tick({})

    # What there is

    def compile(self, query: exp.Query, *, maintained: bool) -> Query:
        """Compile a query against the catalog as it is now; raises SqlError.

        One that is not maintained may be asked again: it is kept while the catalog is the same.
        """
        version = self.catalog.version
        known = None if maintained else self._compiled.get(id(query))
        if known is not None and known[0] is query and known[1] == version:
            return known[2]
        tree = with_oids(query, self.catalog)
        compiled = compile_query(tree, self.catalog, self.environment, maintained=maintained)
        if not maintained and not compiled.is_large:
            self._compiled[id(query)] = query, version, compiled
            if len(self._compiled) > _COMPILED:
                self._compiled.pop(next(iter(self._compiled)))
        return compiled

    def collection(self, id: str) -> Collection:
        """Return the relation of that id; raises SqlError if it was dropped."""
        found = self.collections.get(id)
        if found is None:
            raise SqlError(f"what the query reads has been dropped or changed since ({id})")
        return found

    def keep(self, collection: Collection) -> None:
        """Let queries read a collection, in place of what had its id before."""
        collection.acquire()
        collection.in_catalog = True
        previous = self.collections.get(collection.id)
        self.collections[collection.id] = collection
        if previous is not None:
            self._unlist(previous)

    def forget(self, id: str) -> None:
        """Let no query read it any more; what runs on it goes on."""
        self._unlist(self.collections.pop(id))

    def _unlist(self, collection: Collection) -> None:
        collection.in_catalog = False
        self.release(collection)

    def release(self, collection: Collection) -> None:
        """Release a collection; a dataflow without users is no longer stepped."""
        freed = collection.release()
        for gone in freed:
            if isinstance(gone, Maintained):
                self.graph.detach(gone)
            elif isinstance(gone, Source):
                self.sources.discard(gone)

    def new_number(self) -> int:
        """A number that nothing else has: for TAILs and the dataflows of queries."""
        return next(self._numbers)

    # Dataflows

    def build(self, members: Sequence[Maintained], as_of: int | None = None) -> None:
        """Begin to fill new dataflows, in the background; their inputs come before their users."""
        holds = [] if as_of is None else self._hold(members, as_of)
        task = asyncio.create_task(self._hydrate(members, as_of))
        task.add_done_callback(partial(_release_holds, holds))
        self._hydrations.add(task)
        task.add_done_callback(self._hydrations.discard)

    def _hold(self, members: Sequence[Maintained], time: int) -> list[tuple[Collection, Hold]]:
        """Keep the history of the inputs until it is read: they may have to be waited for."""
        holds = [(c, Hold(time)) for member in members for c in member.inputs.values()]
        for collection, hold in holds:
            collection.holders.add(hold)
        return holds

    def build_with_others(self, members: Sequence[Maintained]) -> None:
        """The same, but wait a moment for others if there is a large file that all might read.

        Views are often created one after the other; so they share one pass over the file.
        """
        if not self._gathered and all(s.file.size < _LARGE_FILE for s in self.sources):
            self.build(members)
            return
        if not self._gathered:
            asyncio.get_running_loop().call_later(_GATHERING, self._build_gathered)
        self._gathered += members

    def _build_gathered(self) -> None:
        if not self._stopped:
            self.build(self._gathered)
        self._gathered = []

    async def _hydrate(self, members: Sequence[Maintained], as_of: int | None) -> None:
        async with self.ticks.stillness():
            # The lines of a source that was never read get their time now.
            if any(source.is_read and source.has_news() for source in self.sources):
                self.ticks.tick({})
        members = [member for member in members if member.is_wanted]
        inputs = [collection for member in members for collection in member.inputs.values()]
        for collection in inputs:
            collection.acquire()
        try:
            await hydrate(members, self.graph, self.pacer, as_of)
        finally:
            for collection in inputs:
                self.release(collection)
        async with self.ticks.stillness():
            for source in self.sources:
                self.publish_errors(source)
            if self.system.has_pending:
                self.ticks.tick({})
        self._wake_readers({member.id for member in members}, False)

    def publish_errors(self, source: Source) -> None:
        """Let the next tick show which lines the source has left out since the last call."""
        if source.errors:
            self.system.change_errors(source.id, source.errors)
            source.errors = {}

    def subscribe(self, collection: Stored, options: SubscriptionOptions) -> Subscription:
        """Begin a TAIL or SUBSCRIBE of a collection."""
        number = self.new_number()
        subscription = Subscription(number, collection, self.graph, options, self._unsubscribe)
        self.subscriptions.setdefault(collection.id, set()).add(subscription)
        return subscription

    def end_subscriptions(self, dropped: Item) -> None:
        """End every SUBSCRIBE that reads a dropped item."""
        for readers in list(self.subscriptions.values()):
            for subscription in list(readers):
                subscription.on_dropped(dropped.id, dropped.full_name)

    def _wake_readers(self, changed: set[str], progress: bool) -> None:
        for id in self.subscriptions if progress else changed & self.subscriptions.keys():
            for subscription in self.subscriptions[id]:
                if progress or id in changed:
                    subscription.wake(progress=progress)

    def _unsubscribe(self, subscription: Subscription) -> None:
        readers = self.subscriptions[subscription.collection.id]
        readers.discard(subscription)
        if not readers:
            del self.subscriptions[subscription.collection.id]
        self.release(subscription.collection)

    async def stop(self) -> None:
        """End all that runs."""
        self._stopped = True
        ended = SqlError("terminating connection: the engine is shutting down", "57P01")
        for readers in list(self.subscriptions.values()):
            for subscription in list(readers):
                subscription.fail(ended)
        for task in self._hydrations:
            task.cancel()
        await asyncio.gather(*self._hydrations, return_exceptions=True)
        await self.ticks.stop(ended)
        self.timeline.close()
        self.store.close()


def _release_holds(holds: Sequence[tuple[Collection, Hold]], _: asyncio.Task[None]) -> None:
    for collection, hold in holds:
        collection.holders.discard(hold)
