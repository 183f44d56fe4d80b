"""What a session writes to and reads from; the listener puts a socket behind it."""

from __future__ import annotations

from typing import Protocol

from engine.pgwire.messages import FrontendMessage


class Peer(Protocol):
    """The client."""

    def write(self, data: bytes) -> None:
        """Take bytes for the client; they may wait until `flush` or `drain`."""

    def flush(self) -> None:
        """Send what was written as far as that goes at once; never waits."""

    async def drain(self) -> None:
        """Send what was written, and wait until the client has taken most of it.

        Lets everybody else have a turn in any case, so that a long answer delays nobody.
        """

    async def receive(self) -> FrontendMessage | None:
        """Wait for a message that belongs to the current statement; None without a client."""
