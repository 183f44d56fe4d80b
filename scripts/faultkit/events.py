"""A socket of the client library over server-sent events, which resumes by `Last-Event-ID`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote, urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Response

from scripts.faultkit.keyring import bearer
from viewstream.client.dial import MAX_MESSAGE
from viewstream.client.state import ViewState
from viewstream.protocol import Position, parse_position

ABNORMAL = 1006
"""The code of a stream that ends without a close event."""


class _Close(msgspec.Struct):
    code: int
    reason: str


class _Named(msgspec.Struct):
    view: str


class EventSource:
    """Opens streams like a browser's `EventSource`: the id of the last event says where to resume.

    `states` returns the views. `wrong` lists ids that are not the positions of these views.
    """

    def __init__(self, states: Callable[[], Mapping[str, ViewState]]) -> None:
        self.wrong: list[str] = []
        self.resumed = 0
        """Streams that were opened with an id."""
        self._states = states
        self._last_id = ""

    async def dial(self, address: str, token: str | None = None) -> EventSocket:
        """Open a stream of all views; raises OSError or InvalidStatus."""
        host, port = urlsplit(address).hostname or "", urlsplit(address).port
        reader, writer = await asyncio.open_connection(host, port, limit=MAX_MESSAGE)
        try:
            writer.write(self._request(f"{host}:{port}", token).encode())
            await _read_head(reader)
        except BaseException:
            writer.transport.abort()
            raise
        return EventSocket(reader, writer, self)

    def _request(self, host: str, token: str | None) -> str:
        if self._differences():
            self._last_id = ""  # the library has forgotten a position: only a base can help
        self.resumed += bool(self._last_id)
        views = "&".join(f"view={quote(name)}" for name in self._states())
        return (
            f"GET /view/stream?{views}&weights=1 HTTP/1.1\r\nHost: {host}\r\n"
            "Accept: text/event-stream\r\n"
            + (f"Last-Event-ID: {self._last_id}\r\n" if self._last_id else "")
            + ("" if token is None else bearer(token))
            + "\r\n"
        )

    def _differences(self) -> list[str]:
        """Return where the last id differs from the views."""
        states = self._states()
        return [
            f"{view} is at {states[view].position}, the event's id has {position}"
            for view, position in parse_event_id(self._last_id).items()
            if states[view].position != position
        ]

    def on_event(self, event_id: str, data: str, kind: str) -> None:
        """Note an event; the library applies it before it asks for the next one."""
        view = msgspec.json.decode(data, type=_Named).view
        if kind != "status" and view not in parse_event_id(event_id):
            self.wrong.append(f"a {kind} of {view} has the id {event_id!r}")
        self._last_id = event_id

    def on_applied(self) -> None:
        self.wrong += self._differences()


class EventSocket:
    """One open stream, with the interface of the library's websockets."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: EventSource
    ) -> None:
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._reader = reader
        self._writer = writer
        self._source = source

    async def recv(self) -> str:
        """Return the next message; raises ConnectionClosed."""
        self._source.on_applied()
        while True:
            try:
                block = await self._reader.readuntil(b"\n\n")
            except (OSError, EOFError):
                self.close_code = ABNORMAL
                raise ConnectionClosedError(None, None) from None
            fields = dict(parse_field(line) for line in block.decode().splitlines() if line)
            if fields.get("event") == "close":
                close = msgspec.json.decode(fields["data"], type=_Close)
                self.close_code, self.close_reason = close.code, close.reason
                raise ConnectionClosedError(None, None)
            if "data" in fields:
                self._source.on_event(fields["id"], fields["data"], fields["event"])
                return fields["data"]

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Break the connection: an event stream has no other way."""
        self._writer.transport.abort()


async def _read_head(reader: asyncio.StreamReader) -> None:
    """Read the head of the answer; raises InvalidStatus if it is a refusal."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except EOFError as error:
        raise ConnectionResetError("no answer") from error
    status = int(head.split()[1])
    if status != 200:
        raise InvalidStatus(Response(status, "", Headers()))


def parse_field(line: str) -> tuple[str, str]:
    """Return the name and the value of one line of an event."""
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


def parse_event_id(text: str) -> dict[str, Position]:
    """Return the positions by view of `NAME@EPOCH:FRONTIER NAME@..`."""
    found = {}
    for one in text.split():
        name, _, position = one.rpartition("@")
        found[unquote(name)] = parse_position(position)
    return found
