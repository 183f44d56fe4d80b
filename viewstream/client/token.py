"""Tokens of a reader: asked for when one is needed, and in time before one ends."""

from __future__ import annotations

import asyncio
import base64
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeAlias

import msgspec

REFUSED, EXPIRED = 4401, 4440
"""Close codes: the token is refused; it has expired on an open connection."""
EARLY = 30.0
"""Seconds before its end at which a token is replaced; at most the last quarter of its life."""
MAX_REFUSED = 3
"""After so many refused tokens in a row, the stream is refused."""

log = logging.getLogger("viewstream")

AskToken: TypeAlias = Callable[[], str | Awaitable[str]]


class TokenError(Exception):
    """The program's function has no token for now."""


class Next(Enum):
    """How to go on after a connection that has ended because of its token."""

    AT_ONCE = "at once"
    LATER = "later"
    NOT = "not"


class _Claims(msgspec.Struct):
    exp: float


class Tokens:
    """The current token, which is kept over reconnects.

    The clock of this machine may be wrong: the server's close code decides, and the time in the
    token only makes it early. `clock` gives seconds since 1970, `sleep` waits.
    """

    def __init__(
        self,
        ask: AskToken | None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._sleep = sleep
        self._current: str | None = None
        self._used: str | None = None
        self._refused = 0

    async def next(self) -> str | None:
        """Return the token for the next connection; None if there is none. Raises TokenError.

        One that has ended would be refused, after the server was away for long: ask at once.
        """
        if self._ask is not None and (self._current is None or self._has_ended(self._current)):
            self._current = await self._request()
        self._used = self._current
        return self._used

    def _has_ended(self, token: str) -> bool:
        return _end_of(token) <= self._clock()

    async def keep_fresh(self) -> None:
        """Ask for the next token before each ends, until cancelled."""
        while self._current is not None:
            left = _end_of(self._current) - self._clock()
            if not left > 0:  # no known end, or a clock that is wrong: the server's close comes
                return
            await self._sleep(left - min(EARLY, left / 4))
            try:
                self._current = await self._request()
            except TokenError:
                return  # it is asked for again when the server closes

    async def _request(self) -> str:
        assert self._ask is not None
        try:
            token = self._ask()
            return await token if inspect.isawaitable(token) else token
        except Exception as error:
            log.warning("no token for a reader: %r", error)
            raise TokenError(str(error)) from error

    def after_end(self, code: int, *, has_answered: bool) -> Next:
        """Decide how to go on after a close with this code; NOT, if the token is not the reason.

        `has_answered` is whether a message came.
        """
        if has_answered:
            self._refused = 0
        if self._ask is None or code not in (REFUSED, EXPIRED):
            return Next.NOT
        if self._current == self._used:
            self._current = None
        if code == EXPIRED and has_answered:
            return Next.AT_ONCE
        self._refused += 1
        return Next.LATER if self._refused < MAX_REFUSED else Next.NOT


def _end_of(token: str) -> float:
    """Return the end of a token in seconds since 1970; NaN if it does not say so."""
    try:
        payload = token.split(".")[1]
        padded = payload + "=" * (-len(payload) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims).exp
    except (IndexError, ValueError, msgspec.MsgspecError):
        return float("nan")
