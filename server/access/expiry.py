"""Ends each connection when the grant of its token does."""

from __future__ import annotations

import math
from collections.abc import Callable

from server.access.grant import Grant

EXPIRED = 4440
"""Close code: the client should come back with its next token."""
REVOKED = 4401
"""Close code: no key of the server has signed the client's token."""


class Expiry:
    """The open connections that have a grant which can end, by their functions to disconnect."""

    def __init__(self) -> None:
        self._grants: dict[Callable[[int, str], None], Grant] = {}
        self._next_end = math.inf

    def __len__(self) -> int:
        return len(self._grants)

    def add(self, disconnect: Callable[[int, str], None], grant: Grant) -> None:
        """Have `disconnect(code, reason)` called when the grant ends."""
        if grant.expires_at is not None:
            self._grants[disconnect] = grant
            self._next_end = min(self._next_end, grant.expires_at)

    def remove(self, disconnect: Callable[[int, str], None]) -> None:
        """Forget a connection."""
        self._grants.pop(disconnect, None)

    def on_tick(self, at: float) -> None:
        """Disconnect clients whose grant has ended by then, in seconds since 1970."""
        if at < self._next_end:
            return
        ends = {one: grant.expires_at or math.inf for one, grant in self._grants.items()}
        self._next_end = min((end for end in ends.values() if end > at), default=math.inf)
        self._disconnect([one for one, end in ends.items() if end <= at], EXPIRED, "expired")

    def on_reload(self, is_known: Callable[[str | None], bool]) -> None:
        """Disconnect clients whose token was signed by a key that is no longer known."""
        revoked = [one for one, grant in self._grants.items() if not is_known(grant.key)]
        self._disconnect(revoked, REVOKED, "been revoked")

    def _disconnect(
        self, ended: list[Callable[[int, str], None]], code: int, participle: str
    ) -> None:
        for disconnect in ended:
            self.remove(disconnect)
            disconnect(code, f"the token has {participle}")
