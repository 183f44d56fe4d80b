"""Honest clients, which check invariants; hostile.py has the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripts.faultkit.events import EventSource
from viewstream.client import Stream
from viewstream.client.change import Change, Rows
from viewstream.client.dial import Socket, dial
from viewstream.client.state import ViewState
from viewstream.protocol import Row

HOST = "127.0.0.1"
LONGEST_DELAY = 2.0
"""The longest delay, in seconds, before a client connects again."""


@dataclass
class Diary:
    """Checks the changes of one client and view: `wrong` lists the broken invariants."""

    view: str
    wrong: list[str] = field(default_factory=list)
    changes: int = 0
    bases: int = 0
    _last: tuple[str, int] | None = None

    def write(self, change: Change, rows: Rows) -> None:
        """Check a consistent point against the last one."""
        self.changes += 1
        here = (change.epoch, change.upper)
        if change.lower is None:
            self.bases += 1
            if self._last is not None and self._last[0] == here[0] and here[1] < self._last[1]:
                self.wrong.append(f"{self.view}: a base at {here} after {self._last}")
        elif (change.epoch, change.lower) != self._last:
            self.wrong.append(
                f"{self.view}: [{change.lower}, {change.upper}) of {change.epoch} was applied at "
                f"{self._last}: not adjacent"
            )
        for row, weight in change.rows.items():
            if rows.get(row, 0) < 0:
                self.wrong.append(f"{self.view}: {list(row)} is there {rows[row]} times at {here}")
            if not weight:
                self.wrong.append(f"{self.view}: {list(row)} changed by nothing at {here}")
        if len({is_of_other_query(row) for row in rows}) > 1:
            self.wrong.append(f"{self.view}: rows of two histories at {here}")
        self._last = here


MARK = "-"
"""A value of each row of a view's other query begins with it; no value of another row does."""


def is_of_other_query(row: Row) -> bool:
    return any(value is not None and value.startswith(MARK) for value in row)


class Client:
    """An honest client: follows its views by one of several ports, drawn for each connection.

    With a `stay` it disconnects after about so many seconds, and connects again to any of the
    ports, so it moves between servers with its positions. `token` signs a reader's token. With
    `by_events` it follows by server-sent events.
    """

    def __init__(
        self,
        name: str,
        views: Sequence[str],
        ports: Sequence[int],
        chance: random.Random,
        token: Callable[[], str],
        *,
        stay: float | None = None,
        by_events: bool = False,
    ) -> None:
        self.name = name
        self.diaries = {view: Diary(view) for view in views}
        self.follower = Stream(
            f"http://{HOST}:{ports[0]}",
            views,
            on_change=self._note,
            token=token,
            dial=self._dial,
            rng=chance.random,
            sleep=_briefly,
        )
        self.events = EventSource(lambda: self.follower.states) if by_events else None
        self._ports = ports
        self._chance = chance
        self._stay = stay
        self._socket: Socket | None = None

    @property
    def wrong(self) -> list[str]:
        """The broken invariants that this client saw."""
        wrong = [sentence for diary in self.diaries.values() for sentence in diary.wrong]
        wrong += [f"it had to close with {code}" for code in self.follower.closed_with]
        if self.events is not None:
            wrong += self.events.wrong
        return [f"{self.name}: {sentence}" for sentence in wrong]

    async def _dial(self, address: str, token: str | None = None) -> Socket:
        port = self._chance.choice(self._ports)
        address = address.replace(f":{self._ports[0]}/", f":{port}/", 1)
        connect = dial if self.events is None else self.events.dial
        self._socket = await connect(address, token)
        return self._socket

    def _note(self, state: ViewState, change: Change) -> None:
        self.diaries[state.view].write(change, state.rows)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follower.run())
            if self._stay is not None:
                group.create_task(self._disconnect_repeatedly(self._stay))

    async def _disconnect_repeatedly(self, stay: float) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0, 2 * stay))
            if self._socket is not None:
                await self._socket.close()


async def _briefly(seconds: float) -> None:
    """Cap the backoff: a client that disconnects on purpose would wait longer and longer."""
    await asyncio.sleep(min(seconds, LONGEST_DELAY))
