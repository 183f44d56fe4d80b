"""Finds a reader's token in a request: in a header, a websocket's subprotocol or a cookie."""

from __future__ import annotations

from collections.abc import Mapping

from tornado.httputil import parse_cookie

from server.access.grant import Grant
from server.access.reader_keys import ReaderKeys
from server.access.refusal import Refusal

SUBPROTOCOL = "viewstream"
"""The subprotocol that the server chooses, if a websocket offers it beside its token."""
TOKEN_PREFIX = "bearer."  # noqa: S105 -- the token follows it
"""The other subprotocol of such a websocket is this and the token: a page can set no header."""


class ReaderToken:
    """Checks the token of a request with `keys`; `cookie` is the name of `--reader-cookie`."""

    def __init__(self, keys: ReaderKeys, cookie: str | None = None) -> None:
        self.keys = keys
        self._cookie = cookie

    def check(
        self, headers: Mapping[str, str], at: float, *, may_use_cookie: bool
    ) -> Grant | Refusal:
        """Return what the token grants; the cookie is read if there is no other token."""
        token = _from_authorization(headers)
        if token is None:
            token = _from_subprotocol(headers)
        if token is None and may_use_cookie and self._cookie is not None:
            token = parse_cookie(headers.get("Cookie", "")).get(self._cookie)
        if token is None:
            return Refusal(401, "expected a token: Authorization: Bearer TOKEN")
        return self.keys.check(token, at)


def _from_authorization(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _from_subprotocol(headers: Mapping[str, str]) -> str | None:
    for protocol in _offered(headers):
        if protocol.startswith(TOKEN_PREFIX):
            return protocol.removeprefix(TOKEN_PREFIX)
    return None


def choose_subprotocol(headers: Mapping[str, str]) -> str | None:
    """The server's answer to the subprotocols of a handshake, refused or not.

    A browser drops a connection without an answer to its offer.
    """
    return SUBPROTOCOL if SUBPROTOCOL in _offered(headers) else None


def _offered(headers: Mapping[str, str]) -> list[str]:
    """The subprotocols of a handshake; the header's name is as Tornado spells it."""
    return [one.strip() for one in headers.get("Sec-Websocket-Protocol", "").split(",")]
