"""Opens the websocket of a stream, and names why that failed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import msgspec
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

SILENCE = 15.0
"""Seconds without a message after which a connection counts as dead."""
FAREWELL = 1.0
"""Seconds that the server has to answer when a connection is closed."""
MAX_MESSAGE = 2**30


class Dial(Protocol):
    """Opens a socket; raises OSError, TimeoutError or InvalidHandshake."""

    def __call__(self, url: str, token: str | None = None, /) -> Awaitable[Socket]: ...


class Socket(Protocol):
    """The part of `websockets.asyncio.client.ClientConnection` that is used."""

    @property
    def close_code(self) -> int | None: ...

    @property
    def close_reason(self) -> str | None: ...

    async def recv(self) -> str | bytes:
        """Return the next message; raises ConnectionClosed."""

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


async def dial(url: str, token: str | None = None) -> Socket:
    """Open a websocket to `url`; raises OSError, TimeoutError or InvalidHandshake."""
    # The server compresses each message by itself, once for all clients.
    deflate = ClientPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True
    )
    return await connect(
        url,
        additional_headers=None if token is None else {"Authorization": f"Bearer {token}"},
        extensions=[deflate],
        compression=None,
        proxy=None,
        open_timeout=SILENCE,
        ping_interval=None,
        close_timeout=FAREWELL,
        max_size=MAX_MESSAGE,
    )


def read_refusal(body: bytes | bytearray) -> str:
    """Return the server's sentence, the field `error` of its JSON; else the text as it is."""
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except msgspec.DecodeError:
        return body.decode(errors="replace").strip()


class _Refusal(msgspec.Struct):
    error: str


def describe_failure(error: Exception) -> str:
    """Return the reason of a failed `dial`, for people."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot connect to the server: {text}"
