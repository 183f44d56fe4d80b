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
from server.wire.heads import MAX_HEAD, SimilarHeads, head_size, parse_head
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
        """The part of the next request that has come."""
        self._missing = 0
        """How many bytes of it are missing, once its head has come."""
        self._unsent = b""
        self._heads: SimilarHeads | None = None
        """Heads as the last one that was accepted: the next is often like it."""
        self._answering: asyncio.Task[Answer] | None = None
        self._is_open = True
        self._is_watched = False
        self.waits_since = now()
        """When bytes last came, or were answered."""
        self._loop = asyncio.get_running_loop()
        self._watch()

    @property
    def is_within_request(self) -> bool:
        return bool(self._data)

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    def receive(self, data: bytes) -> None:
        """Take bytes from the client, and answer the requests that are whole now."""
        self.waits_since = now()
        if not self._data:
            self._serve(data)
            return
        self._data += data
        self._missing -= len(data)
        if self._missing <= 0:
            self._serve_kept()

    def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if self._is_open:
            self._leave()
            self._socket.close()

    def _leave(self) -> None:
        self._is_open = False
        self._watch()
        self._loop.remove_writer(self._socket)
        self._posts.remove(self)

    def _watch(self) -> None:
        """Read nothing while an answer is not sent, or has to be waited for."""
        is_watched = self._is_open and self._answering is None and not self._unsent
        if is_watched and not self._is_watched:
            self._context.readers.add(self._socket.fileno(), self)
        elif self._is_watched and not is_watched:
            self._context.readers.remove(self._socket.fileno())
        self._is_watched = is_watched

    def on_readable(self) -> None:
        data = receive(self._socket, READ_SIZE)
        if data:
            self.receive(data)
        elif data is not None:
            self.close()

    # --- requests ----------------------------------------------------------------------------

    def _serve(self, data: bytes) -> None:
        """Answer requests until one has not come whole, or its answer has to be waited for."""
        answers: list[bytes] = []
        at, self._missing = 0, 0
        while self._is_open and self._answering is None and at < len(data):
            found = self._find_body(data, at)
            if found is None:
                self._send(b"".join(answers))
                self._pass_on(data[at:])
                return
            begin, size = found
            self._missing = begin + size - len(data)
            if self._missing > 0:
                break
            at = begin + size
            answer = take_delta(self._context, data[begin:at])
            if isinstance(answer, Answer):
                answers.append(self._encode(answer))
            else:
                self._answer_later(answer)
        self._data += data[at:]
        if answers:
            self._send(answers[0] if len(answers) == 1 else b"".join(answers))

    def _serve_kept(self) -> None:
        data = bytes(self._data)
        self._data.clear()
        self._serve(data)

    def _find_body(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return where the body of the request at `at` begins, and its size.

        One byte is missing, at least, if the head has not come whole. None if the request is not
        to be answered here.
        """
        found = None if self._heads is None else self._heads.body_of(data, at)
        if found is not None and found[1] <= self._context.max_body:
            return found
        size = head_size(data, at)
        if not size:
            return None if len(data) - at > MAX_HEAD else (len(data), 1)
        length = self._accept(data[at : at + size])
        return None if length is None else (at + size, length)

    def _accept(self, head: bytes) -> int | None:
        """Return the size of the body if the request may be answered here, by its head."""
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
        self._heads = SimilarHeads(head)
        return int(headers["Content-Length"])

    def _answer_later(self, answer: Coroutine[Any, Any, Answer]) -> None:
        """Wait for a worker thread or the engine; nothing is read until then."""
        self._answering = self._loop.create_task(answer)
        self._answering.add_done_callback(self._on_answered)
        self._watch()

    def _on_answered(self, task: asyncio.Task[Answer]) -> None:
        self._answering = None
        if not self._is_open:
            return
        if task.cancelled() or task.exception() is not None:
            log.error("POST %r failed", _TARGET, exc_info=task.exception())
            self.close()
            return
        self.waits_since = now()
        self._send(self._encode(task.result()))
        self._serve_kept()

    def _encode(self, answer: Answer) -> bytes:
        refusal = answer.refusal
        if refusal is None:
            return encode_answer(200, answer.fields)
        self._context.note_refusal(refusal, f"POST {_TARGET!r}", self._client)
        fields = {"error": refusal.sentence, **answer.fields}
        return encode_answer(refusal.status, fields, refusal.headers)

    def _pass_on(self, data: bytes) -> None:
        """Leave the connection to Tornado, unless answers are still to be sent."""
        if not self._is_open:
            return
        if self._unsent:
            self.close()
            return
        self._leave()
        self._posts.pass_on(self._socket, self._address, data)

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
            self._loop.add_writer(self._socket, self._on_writable)
        self._watch()

    def _on_writable(self) -> None:
        self._send(b"")
        if self._is_open and not self._unsent:
            self._loop.remove_writer(self._socket)
