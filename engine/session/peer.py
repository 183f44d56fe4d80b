"""The client as a session sees it; the listener implements it with a socket."""

from __future__ import annotations

from typing import Protocol

from engine.pgwire.messages import FrontendMessage


class Peer(Protocol):
    """The client."""

    def write(self, data: bytes) -> None:
        """Take bytes for the client; they may wait until `flush` or `drain`."""

    def flush(self) -> None:
        """Send the bytes that were written, as far as that needs no waiting."""

    async def drain(self) -> None:
        """Send the bytes that were written, and wait until most of them are sent.

        Lets the event loop run other tasks in any case, so that a long answer delays no client.
        """

    async def receive(self) -> FrontendMessage | None:
        """Wait for a message that belongs to the current statement; None without a client."""
