"""A server process, and strict clients of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import requests
from websockets.sync.client import ClientConnection, connect

from tests.server.fake_engine import FakeEngine
from tests.support.processes import PATIENCE, start_server, wait_until
from viewstream.protocol import (
    Base,
    Delta,
    Message,
    Row,
    Status,
    decode,
    encode,
)

JSON = {"Content-Type": "application/json"}


class Served:
    """One server over `engine`; `bounds` as in `start_server`. Use as a context manager."""

    def __init__(
        self,
        engine: FakeEngine,
        *options: str,
        views: tuple[str, ...] = ("top10",),
        bounds: Mapping[str, object] | None = None,
    ) -> None:
        self.engine = engine
        self.process, self.url = start_server(engine.dsn, *views, options=options, bounds=bounds)
        self._connections = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.go_on.set()
        self.engine.thawed.set()
        self._connections.close()
        self.process.close()

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        response = requests.get(self.url + path, timeout=PATIENCE)
        assert response.status_code == 200, response.text
        return response.json()

    def metrics(self) -> str:
        return requests.get(self.url + "/metrics", timeout=PATIENCE).text

    def health(self, view: str = "top10") -> Any:
        return self.get("/healthz")["views"][view]

    def post(
        self,
        lower: int,
        upper: int,
        *updates: tuple[int, int, Row],
        view: str = "top10",
        epoch: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        delta = Delta(view, epoch or self.engine.epoch, lower, upper, updates)
        return self.post_body(encode(delta), headers)

    def post_body(self, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
        return requests.post(
            self.url + "/view/deltas",
            data=body,
            headers={**JSON, **(headers or {})},
            timeout=PATIENCE,
        )

    def address(self, *views: str) -> str:
        query = "&".join(f"view={quote(view)}" for view in views or ("top10",))
        return f"{self.url.replace('http', 'ws', 1)}/view/stream?{query}"

    def open(self, *views: str, **options: Any) -> Watcher:
        """A websocket, closed at the end of the test."""
        given = {"max_size": None, "open_timeout": PATIENCE, "ping_interval": None, **options}
        connection = self._connections.enter_context(connect(self.address(*views), **given))
        return Watcher(connection)


class Watcher:
    """A strict websocket client."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def next(self, patience: float = PATIENCE) -> Message:
        """The next message, whatever it is."""
        return decode(self.connection.recv(patience))

    def next_rows(self) -> Base | Delta:
        """The next message that is not a status."""
        while isinstance(message := self.next(), Status):
            pass
        return message

    def base(self) -> Base:
        message = self.next_rows()
        assert isinstance(message, Base), message
        return message

    def delta(self) -> Delta:
        message = self.next_rows()
        assert isinstance(message, Delta), message
        return message

    def status(self, state: str, reason: str = "") -> Status:
        """The next status of that state with `reason` in its own; other messages are passed over.

        A view has one status, and may have several problems: which one it names first is open.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.next()
            if isinstance(message, Status) and message.state == state and reason in message.reason:
                return message
            assert time.monotonic() < deadline, f"expected {state}: {reason}, found {message}"


def get_rows(url: str, **options: Any) -> requests.Response:
    """The answer to a GET, once it is no longer 503: the engine may need more than ten seconds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = requests.get(url, timeout=PATIENCE, **options)
        if answer.status_code != 503 or time.monotonic() > deadline:
            return answer
        answer.close()
        time.sleep(0.1)


def wait_for_clients(served: Served, count: int) -> None:
    """Wait until the server has so many clients."""
    wait_until(lambda: served.get("/healthz")["clients"] == count, f"{count} clients")
