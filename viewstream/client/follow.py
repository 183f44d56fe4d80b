"""Follows views over a websocket: the thin shell around `viewstream.client.state`.

It connects, hands each message to the core, and comes back after whatever ends a connection:
resuming where it stands, with full jitter (Marc Brooker, "Exponential Backoff And Jitter",
AWS Architecture Blog, 2015). Socket, time and randomness are passed in, so that tests can play
any order of events.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from viewstream.client.state import GAP, Change, RefusalError, ViewState, receive
from viewstream.protocol import ProtocolError, decode

SILENCE = 15.0
FIRST_DELAY = 0.5
"""Seconds that the first wait may last; each further one may be twice as long."""
LONGEST_DELAY = 30.0
SETTLED = 5.0
"""A connection that lasted so long after its first message worked: waits begin small again."""
FAREWELL = 1.0
"""Seconds that the other side has to answer when a connection is closed."""
MAX_MESSAGE = 2**30
_RETRY = re.compile(r"retry=(\d{1,4}(?:\.\d{1,3})?)")
_REFUSED = {400, 401, 403, 404}

T = TypeVar("T")


class FollowError(Exception):
    """The server refuses to stream this: asking again would not help."""


class Socket(Protocol):
    """The part of `tornado.websocket.WebSocketClientConnection` that is used."""

    close_code: int | None
    close_reason: str | None

    def read_message(self) -> Awaitable[str | bytes | None]: ...

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...


async def dial(url: str) -> Socket:
    """Open a websocket to `url`; raises OSError, HTTPClientError or WebSocketError."""
    request = HTTPRequest(url, connect_timeout=SILENCE, request_timeout=SILENCE)
    opening = asyncio.ensure_future(websocket_connect(request, max_message_size=MAX_MESSAGE))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # A handshake under way cannot be called off. Most are over in a moment, and then the
        # connection can be closed; the others are given up by the request's own timeout.
        opened, _ = await asyncio.wait([opening], timeout=FAREWELL)
        if opened and opening.exception() is None:
            await _hang_up(opening.result())
        else:
            opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opening: asyncio.Future[WebSocketClientConnection]) -> None:
    """Nobody waits for this connection any more, but it may open all the same."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _hang_up(socket: Socket, code: int | None = None, reason: str | None = None) -> None:
    """Close, and wait a moment for the other side to agree, so that no socket is left open."""
    socket.close(code, reason)
    try:
        async with asyncio.timeout(FAREWELL):
            while await socket.read_message() is not None:
                pass
    except TimeoutError:
        pass  # it does not answer: the framework will cut the connection before long


class Follower:
    """Keeps exact copies of `views` of the server at `url` (http or ws) while `run()` runs.

    `states` holds what is known of each view. `on_change` is called at each consistent point,
    with the state and what changed. `dial` opens a socket, `clock` gives seconds, `sleep`
    waits, `chance` gives a number from 0 to 1; after `silence` seconds without a message a
    connection counts as dead.
    """

    def __init__(
        self,
        url: str,
        views: Iterable[str],
        *,
        on_change: Callable[[ViewState, Change], None] | None = None,
        dial: Callable[[str], Awaitable[Socket]] = dial,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        silence: float = SILENCE,
    ) -> None:
        self.states = {view: ViewState(view) for view in views}
        self.connections = 0
        self.closed_with: list[int] = []
        """The codes of the connections that this client closed because of a message."""
        self._url = url
        self._on_change = on_change
        self._dial = dial
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._silence = silence
        self._attempts = 0
        self._moved = asyncio.Event()

    def address(self) -> str:
        """Where to connect: all views, resuming those that have a position."""
        scheme, host, path, _, _ = urlsplit(self._url)
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
        views = "&".join(f"view={quote(state.resume)}" for state in self.states.values())
        return urlunsplit((scheme, host, f"{path.rstrip('/')}/view/stream", views, ""))

    async def run(self) -> None:
        """Follow until cancelled; raises FollowError if the server refuses for good."""
        while True:
            pause = None
            try:
                async with asyncio.timeout(self._silence):
                    socket = await self._dial(self.address())
            except HTTPClientError as error:
                if error.code in _REFUSED:
                    body = error.response.body.decode(errors="replace") if error.response else ""
                    raise FollowError(f"the server answered {error.code}: {body}") from error
            except (OSError, TimeoutError, WebSocketError):
                pass  # nobody there: as for a connection that ended, wait and try again
            else:
                pause = await self._converse(socket)
            await self._sleep(self._delay() if pause is None else pause)
            self._attempts += 1

    async def until(self, condition: Callable[[], T], patience: float = 30.0) -> T:
        """Return the first true value of `condition()`, looked at after each message.

        Raises TimeoutError after `patience` seconds. Something else must be running `run()`.
        """
        async with asyncio.timeout(patience):
            while not (value := condition()):
                self._moved.clear()
                await self._moved.wait()
            return value

    async def _converse(self, socket: Socket) -> float | None:
        """Read one connection to its end; return for how long the server asked to stay away."""
        self.connections += 1
        answered: float | None = None
        ended = False
        code, reason = None, None
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    text = await socket.read_message()
                if text is None:
                    ended = True
                    break
                answered = self._clock() if answered is None else answered
                self._take(text)
        except RefusalError as refusal:
            self.closed_with.append(refusal.code)
            code, reason = refusal.code, _short(refusal.reason)
        except TimeoutError:
            pass  # silence: hung up below
        finally:
            for state in self.states.values():
                state.disconnected()
            self._moved.set()
            if ended:
                socket.close()
            else:
                await _hang_up(socket, code, reason)
        if answered is not None and self._clock() - answered >= SETTLED:
            self._attempts = 0
        match = _RETRY.fullmatch(socket.close_reason or "")
        return float(match[1]) if match else None

    def _take(self, text: str | bytes) -> None:
        try:
            message = decode(text)
        except ProtocolError as error:
            for state in self.states.values():
                state.forget()
            raise RefusalError(GAP, str(error)) from error
        if message.view not in self.states:
            return
        state = self.states[message.view]
        change = receive(state, message)
        if change is not None and self._on_change is not None:
            self._on_change(state, change)
        self._moved.set()

    def _delay(self) -> float:
        return self._chance() * min(LONGEST_DELAY, FIRST_DELAY * 2.0**self._attempts)


def _short(reason: str) -> str:
    """A close reason has room for 123 bytes."""
    return reason.encode()[:120].decode(errors="ignore")
