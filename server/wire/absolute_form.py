"""Requests in the absolute form, `GET http://HOST/PATH HTTP/1.1` (RFC 9112, 3.2.2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine

_ABSOLUTE = re.compile(r"(?i:https?)://([^/?#]+)(.*)")


def split_target(target: str) -> tuple[str, str] | None:
    """Split a target in the absolute form into host and path with query; None for any other."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return None
    host, path = match.groups()
    return host, path if path.startswith("/") else f"/{path}"


class OriginForm(HTTPMessageDelegate):
    """Gives the next delegate of a request its path as the target.

    The host of a target counts instead of the header Host, as the RFC has it: rules for hosts see
    one host only.
    """

    def __init__(self, next_delegate: HTTPMessageDelegate) -> None:
        self._next = next_delegate

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        split = split_target(start_line.path)
        if split is not None:
            headers["Host"], path = split
            start_line = start_line._replace(path=path)
        return self._next.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._next.data_received(chunk)

    def finish(self) -> None:
        self._next.finish()

    def on_connection_close(self) -> None:
        self._next.on_connection_close()
