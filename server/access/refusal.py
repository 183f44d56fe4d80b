"""Refusals: an HTTP status or a close code, one sentence, and a line in the server's log."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

import msgspec

from server.access.grant import Grant
from viewstream.names import Part, ViewName, parse_view

log = logging.getLogger("server")

MAX_REASON = 123
"""Bytes of the reason in a websocket's close frame (RFC 6455, 5.5)."""
NAMES_SHOWN = 20
"""Views that are listed for a client that asked for another one."""
BURST, REFILL = 20, 10_000
"""Lines that are logged at once, and milliseconds until one more may be: an outsider can cause any
number of refusals."""
_TOKEN = re.compile(r"eyJ[\w.%=-]{17,}")
"""A JSON Web Token, or the beginning of one: they all begin like that."""
MAX_LINE = 300
"""Characters of a sentence in the log: it may repeat what an outsider sent."""
NOT_LOGGED = {409, 410}
"""A gap and an ended epoch: what pipelines meet in normal operation."""
LABELS = {
    400: "malformed",
    401: "token",
    403: "forbidden",
    404: "not_found",
    405: "method",
    408: "timeout",
    409: "gap",
    410: "epoch_ended",
    411: "body_size",
    413: "body_size",
    415: "content_type",
    426: "no_websocket",
    429: "too_many",
    431: "head_size",
    500: "internal_error",
    503: "unavailable",
}
"""The reason of a refusal that names none, by its status."""


_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    426: {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    429: {"Retry-After": "5"},
    503: {"Retry-After": "1"},
}


def hide_tokens(text: str) -> str:
    """Replace tokens of readers, which a client has put where none belongs, such as a path."""
    return _TOKEN.sub("[token]", text)


@dataclass(frozen=True)
class Refusal:
    """An HTTP status and one sentence for the client."""

    status: int
    sentence: str
    reason: str = ""
    """One word for `/metrics` where the status alone does not tell."""

    def __post_init__(self) -> None:
        """Hide tokens: the sentence may repeat what the client sent, and ends in the log."""
        object.__setattr__(self, "sentence", hide_tokens(self.sentence))

    @property
    def label(self) -> str:
        """The reason in one word, of few."""
        return self.reason or LABELS.get(self.status, "other")

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the status needs."""
        return _HEADERS.get(self.status, {})

    @property
    def close_code(self) -> int:
        """The close code for a websocket that is refused: 4400, 4401, 4403, 4404, 4429 or 4503."""
        return 4000 + self.status

    @property
    def close_reason(self) -> str:
        """The sentence, cut to what fits in a close frame."""
        encoded = self.sentence.encode()
        if len(encoded) <= MAX_REASON:
            return self.sentence
        return encoded[: MAX_REASON - 3].decode(errors="ignore") + "…"


def encode_answer(
    status: int, fields: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> bytes:
    """Encode an answer in JSON to a request that Tornado does not see."""
    body = msgspec.json.encode(fields)
    start = _head_start(status, int(time.time()))
    if headers:
        start += "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    return b"%bContent-Length: %d\r\n\r\n%b\n" % (start, len(body) + 1, body)


@lru_cache(16)
def _head_start(status: int, second: int) -> bytes:
    """The lines that all answers of one second and status have."""
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: viewstream\r\n"
        f"Date: {formatdate(second, usegmt=True)}\r\nContent-Type: application/json\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    )
    return lines.encode()


def encode_refusal(refusal: Refusal) -> bytes:
    """Encode the last answer on a connection."""
    headers = {**refusal.headers, "Connection": "close"}
    return encode_answer(refusal.status, {"error": refusal.sentence}, headers)


def send_refusal(connection: socket.socket, refusal: Refusal) -> None:
    """Answer a request that Tornado does not see, and close its connection."""
    # A client that has gone needs no answer.
    with contextlib.suppress(OSError):
        connection.send(encode_refusal(refusal))
        connection.shutdown(socket.SHUT_WR)
    connection.close()


class Served(Protocol):
    """The views that a server has: its hub."""

    @property
    def names(self) -> Collection[str]: ...

    @property
    def part_columns(self) -> Mapping[str, str]:
        """The column by whose values a view is served in parts, by view."""

    def part_problem(self, name: ViewName) -> str | None:
        """Return why there is no such part, as far as is known."""


def parse_asked(text: str, served: Served) -> ViewName:
    """Parse the name of a view or part that a client asks for; raises ProtocolError."""
    if text in served.names or "[" not in text:
        return ViewName(text)
    return parse_view(text)


def refuse_view(name: ViewName, served: Served, grant: Grant) -> Refusal | None:
    """Allow a view or part that is served and granted; list views, if it is not served."""
    if not grant.may_read(str(name)):
        what = f"the view {name.view!r}" if name.part is None else repr(str(name))
        return Refusal(403, f"the token does not grant {what}", "grant")
    if name.part is not None and name.view in served.names:
        return _refuse_part(name, name.part, served)
    return _refuse_unknown(name.view, served, grant)


def _refuse_part(name: ViewName, part: Part, served: Served) -> Refusal | None:
    column = served.part_columns.get(name.view)
    if column is None:
        return Refusal(404, f"the view {name.view!r} is not served in parts (--part)")
    if part.column != column:
        by = f"by the values of {column!r}, not of {part.column!r}"
        return Refusal(404, f"the view {name.view!r} is served in parts {by}")
    problem = served.part_problem(name)
    return None if problem is None else Refusal(404, problem)


def _refuse_unknown(name: str, served: Served, grant: Grant) -> Refusal | None:
    if name in served.names:
        return None
    names = sorted(filter(grant.may_read, served.names))
    if not names:
        return Refusal(404, f"no view {name!r}")
    listed = ", ".join(names[:NAMES_SHOWN])
    if len(names) > NAMES_SHOWN:
        listed += f" and {len(names) - NAMES_SHOWN} more"
    verb = "is" if len(names) == 1 else "are"
    return Refusal(404, f"no view {name!r}; there {verb} {listed}")


class RefusalLog:
    """Logs each refusal in a line, as long as there are few; then counts them."""

    def __init__(self) -> None:
        self._tokens = float(BURST)
        self._refilled_at: int | None = None
        self._left_out = 0

    def add(self, refusal: Refusal, request: str, now: int) -> None:
        """Log the refusal of `request`, such as "GET /view/stream from 127.0.0.1"."""
        if refusal.status in NOT_LOGGED:
            return
        if self._refilled_at is not None:
            earned = (now - self._refilled_at) / REFILL
            self._tokens = min(self._tokens + earned, float(BURST))
        self._refilled_at = now
        if self._tokens < 1:
            self._left_out += 1
            return
        self._tokens -= 1
        if self._left_out:
            log.info("%d more requests were refused", self._left_out)
            self._left_out = 0
        line = f"refused {hide_tokens(request)}: {refusal.status} {refusal.sentence}"
        log.info("%s", line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…")
