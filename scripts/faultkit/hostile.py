"""A hostile client: attacks the servers in several ways, which they must refuse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Sequence
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from scripts.faultkit.clients import HOST
from scripts.faultkit.keyring import Keyring, bearer

WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_EVENTS = "Accept: text/event-stream\r\n"


class Hostile:
    """Attacks the servers at `ports` one after the other, until cancelled.

    Those at `guarded` have the reader keys of `keyring`. `wrong` lists what was not refused.
    """

    def __init__(
        self,
        views: Sequence[str],
        ports: Sequence[int],
        guarded: Sequence[int],
        keyring: Keyring,
        chance: random.Random,
    ) -> None:
        self.attacks = 0
        self.refused = 0
        """Requests that a server refused because of their token."""
        self.wrong: list[str] = []
        self._views = views
        self._ports = ports
        self._guarded = guarded
        self._keyring = keyring
        self._chance = chance

    async def run(self) -> None:
        attacks = (
            *(self._garbage, self._half_handshake, self._bad_frames, self._deaf, self._post),
            *3 * (self.send_bad_token,),
            self.ask_for_more,
        )
        while True:
            attack = self._chance.choice(attacks)
            of_tokens = attack in (self.send_bad_token, self.ask_for_more)
            port = self._chance.choice(self._guarded if of_tokens else self._ports)
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

    async def send_bad_token(self, port: int) -> None:
        """Ask with a token that no server may take, or with none."""
        token = self._chance.choice([None, *self._keyring.bad_tokens()])
        await self._read(port, self._chance.choice(self._views), token, 401)

    async def ask_for_more(self, port: int) -> None:
        """Ask for more than the part that a token grants."""
        view = self._chance.choice(self._views)
        token = self._keyring.sign({view: ["1", "-1"]})
        asked = self._chance.choice([view, f"{view}[count=2]", f"{view}[count is null]"])
        await self._read(port, asked, token, 403)

    async def _read(self, port: int, view: str, token: str | None, expected: int) -> None:
        """Ask for a view by any way; the server must answer with the status `expected`."""
        path, headers = self._chance.choice(
            [("rows", ""), ("stream", _EVENTS), ("stream", WEBSOCKET)]
        )
        if token is not None and headers == WEBSOCKET and self._chance.random() < 0.5:
            headers += f"Sec-WebSocket-Protocol: viewstream, bearer.{token}\r\n"
        elif token is not None:
            headers += bearer(token)
        status = await ask_status(port, f"/view/{path}?view={quote(view)}", headers)
        if status == expected:
            self.refused += 1
        elif status is not None:
            self.wrong.append(f"hostile: {status} for {path} of {view} with {headers!r}")

    def _handshake(self, port: int) -> bytes:
        view = self._chance.choice(self._views)
        return (
            f"GET /view/stream?view={view} HTTP/1.1\r\nHost: {HOST}:{port}\r\n{WEBSOCKET}\r\n"
        ).encode()


async def ask_status(port: int, path: str, headers: str) -> int | None:
    """Return the status of the answer to a GET; None if the server ends first. Raises OSError."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n{headers}\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1]) if line.endswith(b"\n") else None
    finally:
        writer.transport.abort()
