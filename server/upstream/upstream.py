"""All that asks the engine: for epochs, bases, descriptions, and with `--tail` for changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.hub.hub import Hub
from server.metrics import Metrics
from server.upstream.database import Database
from server.upstream.descriptions import Descriptions
from server.upstream.poller import EPOCH_EVERY, Poller
from server.upstream.reader import Reader
from server.upstream.tailer import FIRST_DELAY, Tailer


class Upstream:
    """Asks the engine for `hub` until `stop`; views that are tailed have no pipelines."""

    def __init__(
        self,
        hub: Hub,
        metrics: Metrics,
        database: Database,
        is_tailed: Callable[[str], bool],
        *,
        compress_from: int | None,
        epoch_every: float = EPOCH_EVERY,
        tail_delay: float = FIRST_DELAY,
    ) -> None:
        self._database = database
        self._is_tailed = is_tailed
        metrics.watch_pool(database)
        reader = Reader(database)
        self.descriptions = Descriptions(database, reader)
        self.poller = Poller(
            hub,
            reader,
            metrics,
            compress_from=compress_from,
            reads_at_once=max(database.size - 1, 1),
            epoch_every=epoch_every,
        )
        tailed = [view for view in hub.names if is_tailed(view)]
        self._tailer = Tailer(
            tailed, hub, database, reader, self.poller.offer, first_delay=tail_delay
        )

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks that end only if they fail; more with each view that is added."""
        return [*self.poller.tasks, *self._tailer.tasks]

    def add_view(self, view: str) -> None:
        """Ask about one more view of the hub."""
        self.poller.add_view(view)
        if self._is_tailed(view):
            self._tailer.add_view(view)

    def failure_detail(self, view: str) -> str:
        """Why a view fails, in the words of libpq or the engine, which are only for the log."""
        return self.poller.details.get(view) or self._tailer.details.get(view, "")

    async def stop(self) -> None:
        await self._tailer.stop()
        await self.poller.stop()
        await self.descriptions.stop()
        self._database.close()
