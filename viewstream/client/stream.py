"""Follows views over a websocket: the thin shell around `viewstream/client/state.py`.

    async with follow("http://127.0.0.1:8888", "top10") as stream:
        async for change in stream["top10"]:
            print(change.inserted, change.deleted)

It connects, gives each message to the core, and reconnects whatever ends a connection, resuming
where the views are. Socket, time and randomness can be passed in, so that tests play any order of
events.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from viewstream.backoff import Backoff
from viewstream.client.change import Change
from viewstream.client.dial import SILENCE, Dial, Socket, describe_failure, dial, read_refusal
from viewstream.client.state import GAP, RefusalError, ViewState, receive
from viewstream.client.token import AskToken, Next, TokenError, Tokens
from viewstream.client.view import FollowError, View
from viewstream.names import spell_view
from viewstream.protocol import ProtocolError, Status, decode

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Bounds, in seconds, of the growing random delay before a reconnect."""
LONGEST_ORDERED_DELAY = 60.0
"""Seconds: a server that asks for more is asked again after these."""
SETTLED = 5.0
"""A connection that lasted so long after its first message has worked: delays begin short again."""
_RETRY = re.compile(r"retry=(\d{1,4}(?:\.\d{1,3})?)")
_REFUSED_STATUSES = {400, 401, 403, 404}
_REFUSED_CODES = {4400, 4401, 4403, 4404, 4440}

T = TypeVar("T")
Keys: TypeAlias = Mapping[str, str | Sequence[str]]


class Stream:
    """Keeps exact copies of `views` of the server at `url` (http or ws) while `run()` runs.

    `stream[name]` is a view. `on_change` is called at each consistent point, before the views'
    iterators. `keys` are the columns that identify a row of a view. `token` returns a reader's
    token, a new one at each call; it is called before one ends. At least `every` milliseconds are
    between two changes of a view. `dial` opens a socket, `clock` gives seconds, `sleep` waits,
    `rng` gives a number from 0 to 1; after `silence` seconds without a message a connection counts
    as dead.
    """

    def __init__(
        self,
        url: str,
        views: Iterable[str],
        *,
        on_change: Callable[[ViewState, Change], None] | None = None,
        keys: Keys | None = None,
        token: AskToken | None = None,
        every: int = 0,
        dial: Dial = dial,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Callable[[], float] = random.random,
        silence: float = SILENCE,
    ) -> None:
        found = {spell_view(name): key for name, key in (keys or {}).items()}
        self.views: Mapping[str, View] = {
            name: View(name, _as_key(found.pop(name, ()))) for name in map(spell_view, views)
        }
        if found:
            raise ValueError(f"expected keys of {', '.join(self.views)}, found {next(iter(found))}")
        self.states = {name: view.state for name, view in self.views.items()}
        self.connections = 0
        self.closed_with: list[int] = []
        """The codes of the connections that this client closed because of a message."""
        self._url = url
        self._on_change = on_change
        self._tokens = Tokens(token)
        self._every = every
        self._dial = dial
        self._clock = clock
        self._sleep = sleep
        self._silence = silence
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY, rng)
        self._news = asyncio.Event()
        self._end: Exception | None = None

    def __getitem__(self, name: str) -> View:
        return self.views[spell_view(name)]

    def address(self) -> str:
        """Return where to connect: all views, resuming those that have a position.

        `weights=1` asks for bases whose rows may have weights.
        """
        scheme, host, path, _, _ = urlsplit(self._url)
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
        views = "&".join(f"view={quote(state.resume)}" for state in self.states.values())
        query = f"{views}&weights=1" + (f"&every={self._every}" if self._every else "")
        return urlunsplit((scheme, host, f"{path.rstrip('/')}/view/stream", query, ""))

    async def run(self) -> None:
        """Follow until cancelled; raises FollowError if the server refuses for good."""
        end: Exception = StopAsyncIteration()
        try:
            while True:
                ordered = await self._connect_once()
                delay = self._backoff.next_delay()
                await self._sleep(delay if ordered is None else ordered)
        except Exception as error:
            end = error
            raise
        finally:
            self._end = end
            for view in self.views.values():
                view.on_end(end)
            self._news.set()

    async def until(self, condition: Callable[[], T], patience: float = 30.0) -> T:
        """Return the first true value of `condition()`, which is called after each message.

        Raises TimeoutError after `patience` seconds, and FollowError once the stream has ended.
        """
        async with asyncio.timeout(patience):
            while not (value := condition()):
                if self._end is not None:
                    raise FollowError(str(self._end) or "the stream is closed") from self._end
                self._news.clear()
                await self._news.wait()
            return value

    async def _connect_once(self) -> float | None:
        """Use one connection to its end; return the delay that the server ordered, if any."""
        try:
            async with asyncio.timeout(self._silence):
                socket = await self._dial(self.address(), await self._tokens.next())
        except InvalidStatus as error:
            self._on_disconnected()
            self._refuse_status(error)
            return None
        except (OSError, TimeoutError, InvalidHandshake, TokenError) as error:
            self._on_disconnected(describe_failure(error))
            return None  # no server there: as for a connection that ended
        return await self._converse(socket)

    def _refuse_status(self, error: InvalidStatus) -> None:
        """Raise FollowError if no later handshake will get another answer."""
        status = error.response.status_code
        next_ = self._tokens.after_end(4000 + status, has_answered=False)
        if status in _REFUSED_STATUSES and next_ is Next.NOT:
            sentence = read_refusal(error.response.body)
            raise FollowError(f"the server answered {status}: {sentence}") from error

    def _on_disconnected(self, reason: str = "", *, is_quiet: bool = False) -> None:
        for view in self.views.values():
            view.on_disconnected(reason, is_quiet=is_quiet)
        self._news.set()

    async def _converse(self, socket: Socket) -> float | None:
        """Read one connection to its end; return the delay that the server ordered, if any."""
        self.connections += 1
        answered_at: float | None = None
        code, reason = 1000, ""
        for view in self.views.values():
            view.on_connected()
        renewal = asyncio.create_task(self._tokens.keep_fresh())
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    text = await socket.recv()
                answered_at = self._clock() if answered_at is None else answered_at
                self._take(text)
        except RefusalError as refusal:
            self.closed_with.append(refusal.code)
            code, reason = refusal.code, _short(refusal.reason)
        except (ConnectionClosed, TimeoutError):
            pass  # the connection has ended, or is silent and will be closed below
        finally:
            renewal.cancel()
            has_answered = answered_at is not None
            next_ = self._tokens.after_end(socket.close_code or 0, has_answered=has_answered)
            self._on_disconnected(is_quiet=next_ is Next.AT_ONCE)
            await socket.close(code, reason)
        if next_ is Next.AT_ONCE:
            return 0.0
        if socket.close_code in _REFUSED_CODES and next_ is Next.NOT:
            raise FollowError(f"the server closed with {socket.close_code}: {socket.close_reason}")
        if answered_at is not None and self._clock() - answered_at >= SETTLED:
            self._backoff.reset()
        ordered = _RETRY.fullmatch(socket.close_reason or "")
        return min(float(ordered[1]), LONGEST_ORDERED_DELAY) if ordered else None

    def _take(self, text: str | bytes) -> None:
        try:
            message = decode(text)
        except ProtocolError as error:
            for state in self.states.values():
                state.forget()
            raise RefusalError(GAP, str(error)) from error
        view = self.views.get(message.view)
        if view is None:
            return
        change = receive(view.state, message)
        if isinstance(message, Status) and message.state == "refused":
            view.on_refused(FollowError(message.reason))
        if change is not None:
            change = view.with_key(change)
            if self._on_change is not None:
                self._on_change(view.state, change)
            view.on_change(change)
        self._news.set()


@asynccontextmanager
async def follow(
    url: str,
    *views: str,
    keys: Keys | None = None,
    token: AskToken | None = None,
    every: int = 0,
) -> AsyncIterator[Stream]:
    """Follow `views` of the server at `url` while the block runs.

    `keys` are the columns that identify a row of a view, such as `{"top10": "user"}`: changes then
    have `updated`.

    `token` is a function, or an async one, that returns a reader's token, where the server asks
    for one.

    With `every`, changes come at most every so many milliseconds, several of them as one.

    Raises FollowError in the views' iterators, and at the end of the block, if the server refuses.
    """
    stream = Stream(url, views, keys=keys, token=token, every=every)
    running = asyncio.create_task(stream.run())
    try:
        yield stream
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _as_key(key: str | Sequence[str]) -> Sequence[str]:
    return [key] if isinstance(key, str) else key


def _short(reason: str) -> str:
    """Cut a close reason to what a close frame has room for: 123 bytes."""
    return reason.encode()[:120].decode(errors="ignore")
