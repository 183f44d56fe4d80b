"""The clients: honest ones, which check invariants, and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from viewstream.client import Stream
from viewstream.client.change import Change, Rows
from viewstream.client.state import ViewState
from viewstream.client.stream import Socket, dial
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
    """An honest client: follows all views by one of several ports, drawn for each connection.

    With a `stay` it disconnects after about so many seconds, and connects again to any of the
    ports, so it moves between servers with its positions.
    """

    def __init__(
        self,
        name: str,
        views: Sequence[str],
        ports: Sequence[int],
        chance: random.Random,
        stay: float | None = None,
    ) -> None:
        self.name = name
        self.diaries = {view: Diary(view) for view in views}
        self.follower = Stream(
            f"http://{HOST}:{ports[0]}",
            views,
            on_change=self._note,
            dial=self._dial,
            rng=chance.random,
            sleep=_briefly,
        )
        self._ports = ports
        self._chance = chance
        self._stay = stay
        self._socket: Socket | None = None

    async def _dial(self, address: str, token: str | None = None) -> Socket:
        port = self._chance.choice(self._ports)
        self._socket = await dial(address.replace(f":{self._ports[0]}/", f":{port}/", 1), token)
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


class Hostile:
    """Attacks the servers in several ways, one after the other, until cancelled."""

    name = "hostile"

    def __init__(self, views: Sequence[str], ports: Sequence[int], chance: random.Random) -> None:
        self.attacks = 0
        self.wrong: list[str] = []
        self._views = views
        self._ports = ports
        self._chance = chance

    async def run(self) -> None:
        attacks = (self._garbage, self._half_handshake, self._bad_frames, self._deaf, self._post)
        while True:
            attack = self._chance.choice(attacks)
            port = self._chance.choice(self._ports)
            # The server may be down, or may rightly disconnect.
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(5):
                    await attack(port)
            self.attacks += 1
            await asyncio.sleep(self._chance.uniform(0, 0.5))

    async def _talk(self, port: int, data: bytes, wait: float) -> bytes:
        """Send bytes; return what the server sends within `wait` seconds."""
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(data)
            await writer.drain()
            answer = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    while chunk := await reader.read(65536):
                        answer += chunk
            return answer
        finally:
            writer.transport.abort()

    async def _garbage(self, port: int) -> None:
        await self._talk(port, self._chance.randbytes(2000), 0.2)

    async def _half_handshake(self, port: int) -> None:
        handshake = self._handshake(port)
        await self._talk(port, handshake[: self._chance.randrange(len(handshake))], 0.2)

    async def _bad_frames(self, port: int) -> None:
        lengths = [b"\xfe" + struct.pack("!H", 60000), b"\xff" + struct.pack("!Q", 2**62), b"\x05"]
        frame = self._chance.choice([b"\x81", b"\x82", b"\x8f", b"\xf1"])
        frame += self._chance.choice(lengths) + self._chance.randbytes(200)
        await self._talk(port, self._handshake(port) + frame, 0.3)

    async def _deaf(self, port: int) -> None:
        """Subscribe, and read nothing."""
        _, writer = await asyncio.open_connection(HOST, port, limit=1)
        try:
            writer.write(self._handshake(port))
            await asyncio.sleep(self._chance.uniform(0, 3))
        finally:
            writer.transport.abort()

    async def _post(self, port: int) -> None:
        """Post what is no delta, or one of another epoch; the server must refuse it."""
        view = self._chance.choice(self._views)
        epoch = f"{self._chance.randrange(10**13)}-u{self._chance.randrange(100)}"
        bodies = [
            self._chance.randbytes(500),
            b"[" * 5000,
            b'{"type":"delta","view":"%s","epoch":"%s","lower":5,"upper":1,"updates":[]}'
            % (view.encode(), epoch.encode()),
            b'{"type":"delta","view":"%s","epoch":"%s","lower":1,"upper":2,"updates":[[1,1,["x"]]]}'
            % (view.encode(), epoch.encode()),
        ]
        request = HTTPRequest(
            f"http://{HOST}:{port}/view/deltas",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=self._chance.choice(bodies),
            request_timeout=4,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request)
        except HTTPClientError:
            return
        self.wrong.append(f"the server answered {answer.code} to {request.body!r}")

    def _handshake(self, port: int) -> bytes:
        view = self._chance.choice(self._views)
        return (
            f"GET /view/stream?view={view} HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
