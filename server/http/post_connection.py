"""A pipeline's connection, which posts delta after delta: read and answered without Tornado.

Only plain requests that may post are answered here. Before any other is begun, the connection goes
to Tornado with what was read of it, and stays there.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from server.access.access import refuse_body
from server.access.refusal import encode_answer
from server.flusher import now
from server.http.deltas import Answer, take_delta
from server.http.handler import Context
from server.wire.heads import MAX_HEAD, head_size, parse_head
from server.wire.socket_connection import receive

log = logging.getLogger("server")

READ_SIZE = 256 << 10
"""Bytes that are read at once: all posts in them share a flush."""
_TARGET = "/view/deltas"
_NOT_PLAIN = {"Transfer-Encoding", "Expect", "Upgrade"}
"""Headers that ask for more than the plain way."""

PassOn = Callable[[socket.socket, tuple[Any, ...], bytes], None]


class Posts:
    """All connections of pipelines. `pass_on` gives a connection to Tornado."""

    def __init__(
        self, context: Context, pass_on: PassOn, idle_timeout: float, body_timeout: float
    ) -> None:
        self.context = context
        self.pass_on = pass_on
        self._idle_timeout = round(idle_timeout * 1000)
        self._body_timeout = round(body_timeout * 1000)
        self._open: set[PostConnection] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: socket.socket, address: tuple[Any, ...], data: bytes) -> None:
        """Serve a connection, from which `data` has been read."""
        post = PostConnection(self, connection, address)
        self._open.add(post)
        post.receive(data)

    def remove(self, connection: PostConnection) -> None:
        self._open.discard(connection)

    def on_tick(self, at: int) -> None:
        """Close connections that are idle, or whose request takes too long."""
        for connection in list(self._open):
            limit = self._body_timeout if connection.is_within_request else self._idle_timeout
            if not connection.is_answering and at - connection.waits_since > limit:
                connection.close()

    def close(self) -> None:
        for connection in list(self._open):
            connection.close()


class PostConnection:
    """One connection. Requests that come together are answered together."""

    def __init__(self, posts: Posts, connection: socket.socket, address: tuple[Any, ...]) -> None:
        self._posts = posts
        self._context = posts.context
        self._socket = connection
        self._address = address
        self._client = ""
        """The client's network, of the last head."""
        self._data = bytearray()
        self._unsent = b""
        self._head: tuple[bytes, int] | None = None
        """The last head that was accepted, and the size of its body: the next is often the same."""
        self._answering: asyncio.Task[Answer] | None = None
        self._is_open = True
        self.waits_since = now()
        """When the last request was answered, or the one that is coming has begun."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._on_readable)

    @property
    def is_within_request(self) -> bool:
        return bool(self._data)

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    def receive(self, data: bytes) -> None:
        """Take bytes from the client, and answer the requests that are whole now."""
        if not self._data:
            self.waits_since = now()
        self._data += data
        self._serve()

    def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if self._is_open:
            self._leave()
            self._socket.close()

    def _leave(self) -> None:
        self._is_open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._posts.remove(self)

    def _on_readable(self) -> None:
        data = receive(self._socket, READ_SIZE)
        if data:
            self.receive(data)
        elif data is not None:
            self.close()

    # --- requests ----------------------------------------------------------------------------

    def _serve(self) -> None:
        """Answer requests until one has not come whole, or its answer has to be waited for."""
        answers: list[bytes] = []
        while self._is_open and self._answering is None and (size := head_size(self._data)):
            length = self._accept(bytes(self._data[:size]))
            if length is None:
                self._send(b"".join(answers))
                self._pass_on()
                return
            if len(self._data) < size + length:
                break
            body = bytes(self._data[size : size + length])
            del self._data[: size + length]
            answer = take_delta(self._context, body)
            if isinstance(answer, Answer):
                answers.append(self._encode(answer))
            else:
                self._answer_later(answer)
        self.waits_since = now()
        if answers:
            self._send(b"".join(answers))
        if len(self._data) > MAX_HEAD and not head_size(self._data):
            self._pass_on()

    def _accept(self, head: bytes) -> int | None:
        """Return the size of the body if the request may be answered here, by its head."""
        if self._head is not None and self._head[0] == head:
            return self._head[1]
        parsed = parse_head(head)
        if parsed is None or (parsed.method, parsed.target) != ("POST", _TARGET):
            return None
        headers, access = parsed.headers, self._context.access
        if not _NOT_PLAIN.isdisjoint(headers) or "Content-Length" not in headers:
            return None
        if headers.get("Connection", "keep-alive").lower() != "keep-alive":
            return None
        refusal = (
            access.refuse_host(headers)
            or access.refuse_post(headers, "HTTP/1.1", self._address[0])
            or refuse_body(headers, self._context.max_body, may_stream=False)
        )
        if refusal is not None:
            return None
        self._client = self._context.client_network(self._address[0], headers)
        self._head = (head, int(headers["Content-Length"]))
        return self._head[1]

    def _answer_later(self, answer: Coroutine[Any, Any, Answer]) -> None:
        """Wait for a worker thread or the engine; nothing is read until then."""
        self._loop.remove_reader(self._socket)
        self._answering = self._loop.create_task(answer)
        self._answering.add_done_callback(self._on_answered)

    def _on_answered(self, task: asyncio.Task[Answer]) -> None:
        self._answering = None
        if not self._is_open:
            return
        if task.cancelled() or task.exception() is not None:
            log.error("POST %r failed", _TARGET, exc_info=task.exception())
            self.close()
            return
        self._loop.add_reader(self._socket, self._on_readable)
        self._send(self._encode(task.result()))
        self._serve()

    def _encode(self, answer: Answer) -> bytes:
        refusal = answer.refusal
        if refusal is None:
            return encode_answer(200, answer.fields)
        self._context.note_refusal(refusal, f"POST {_TARGET!r}", self._client)
        fields = {"error": refusal.sentence, **answer.fields}
        return encode_answer(refusal.status, fields, refusal.headers)

    def _pass_on(self) -> None:
        """Leave the connection to Tornado, unless answers are still to be sent."""
        if not self._is_open:
            return
        if self._unsent:
            self.close()
            return
        self._leave()
        self._posts.pass_on(self._socket, self._address, bytes(self._data))

    # --- answers -----------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        """Send, and read nothing more until all of it is sent."""
        self._unsent += data
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._unsent:
            self._loop.remove_reader(self._socket)
            self._loop.add_writer(self._socket, self._on_writable)

    def _on_writable(self) -> None:
        self._send(b"")
        if self._is_open and not self._unsent:
            self._loop.remove_writer(self._socket)
            if self._answering is None:
                self._loop.add_reader(self._socket, self._on_readable)
