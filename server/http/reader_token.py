"""Finds a reader's token in a request: in a header, a websocket's subprotocol or a cookie."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, parse_cookie

from server.http.grant import Grant
from server.http.reader_keys import ReaderKeys
from server.http.refusal import Refusal

SUBPROTOCOL = "viewstream"
"""The subprotocol that the server chooses, if a websocket offers it beside its token."""
TOKEN_PREFIX = "bearer."  # noqa: S105 -- the token follows it
"""The other subprotocol of such a websocket is this and the token: a page can set no header."""


class ReaderToken:
    """Checks the token of a request with `keys`; `cookie` is the name of `--reader-cookie`."""

    def __init__(self, keys: ReaderKeys, cookie: str | None = None) -> None:
        self.keys = keys
        self._cookie = cookie

    def check(self, headers: HTTPHeaders, at: float, *, may_use_cookie: bool) -> Grant | Refusal:
        """Return what the token grants; the cookie is read if there is no other token."""
        token = _from_authorization(headers) or _from_subprotocol(headers)
        if token is None and may_use_cookie and self._cookie is not None:
            token = parse_cookie(headers.get("Cookie", "")).get(self._cookie)
        if token is None:
            return Refusal(401, "expected a token: Authorization: Bearer TOKEN")
        return self.keys.check(token, at)


def _from_authorization(headers: HTTPHeaders) -> str | None:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _from_subprotocol(headers: HTTPHeaders) -> str | None:
    for protocol in headers.get("Sec-WebSocket-Protocol", "").split(","):
        if protocol.strip().startswith(TOKEN_PREFIX):
            return protocol.strip().removeprefix(TOKEN_PREFIX)
    return None
