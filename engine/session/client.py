"""One client's socket: feeds its bytes to a session, and writes the session's answers.

One task a client: it takes a message, lets the session answer it, and takes the next. While the
session is busy the client's bytes stay in the kernel beyond a small buffer, and while the client
does not read its answers the session waits: neither costs more memory with time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from dataclasses import dataclass
from typing import Protocol, cast

from engine.coordinator import Coordinator
from engine.errors import SqlError
from engine.pgwire import backend, messages
from engine.pgwire.messages import FrontendMessage
from engine.pgwire.reader import BrokenStreamError, MalformedMessageError, Reader
from engine.session.session import Session
from engine.session.startup import apply_startup, greet

READ_AHEAD = 64 * 1024
"""Bytes of later messages that are taken while the session is busy with an earlier one."""
WRITE_AHEAD = 64 * 1024
"""Bytes of answers that may wait to be sent together."""
LINGER = 10.0
"""Seconds for which a closed client may still take what was written for it."""
WRITE_BUFFER = 256 * 1024
"""Bytes that may wait for a slow client before its session waits too."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence until the first probe and between two, and how many may get no answer."""


@dataclass(frozen=True)
class Limits:
    """`startup_timeout` is in seconds; the others are numbers of clients and bytes.

    `waiting_bytes` is what all clients together may have sent of messages that are not whole;
    beyond it clients that send long ones are refused.
    """

    max_connections: int = 1_000
    max_message_bytes: int = 4 * 1024 * 1024
    waiting_bytes: int = 256 * 1024 * 1024
    startup_timeout: float = 30.0


class ClientRegistry(Protocol):
    """The part of the listener that a client needs: limits, the other clients, the engine."""

    coordinator: Coordinator
    limits: Limits
    waiting_bytes: int
    """Bytes of unfinished messages of all clients."""

    def register(self, client: Client) -> int:
        """Give a client its number; raises SqlError if there are too many."""

    def begin_service(self, client_id: int) -> None:
        """Count a client among those that are served; raises SqlError if there are too many."""

    def unregister(self, client_id: int) -> None:
        """Forget a client."""

    def cancel(self, request: messages.CancelRequest) -> None:
        """Interrupt the client of that number, if the secret is right."""


class Client(asyncio.Protocol):
    """One client's socket, with its session; it is the session's output too."""

    def __init__(self, listener: ClientRegistry) -> None:
        self._listener = listener
        self._reader = Reader(listener.limits.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._out = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = False
        self._wants_more = True
        self._counted = 0
        self._id = 0
        self.secret = secrets.randbits(31)
        self.session = Session(listener.coordinator, self)
        self.task: asyncio.Task[None] | None = None

    # From the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        _keep_alive(self._transport.get_extra_info("socket"))
        try:
            self._id = self._listener.register(self)
        except SqlError as error:
            self._give_up(error)
            return
        self.session.identify(self._id)
        self.task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._count()
        if self._reader.buffered > READ_AHEAD:
            if not self._wants_more:
                self._pause()
            if self._listener.waiting_bytes > self._listener.limits.waiting_bytes:
                self._give_up(
                    SqlError("too many bytes of unfinished messages are waiting", "53200")
                )
        self._arrived.set()

    def eof_received(self) -> bool:
        # A client that has closed reads no answer: interrupt its statement.
        self._leave()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()
        self._listener.waiting_bytes -= self._counted
        self._counted = 0

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _leave(self) -> None:
        self._gone = True
        self._arrived.set()
        self._writable.set()
        self.session.abandon()

    def _count(self) -> None:
        """Keep account of the bytes that wait for the rest of their message."""
        self._listener.waiting_bytes += self._reader.buffered - self._counted
        self._counted = self._reader.buffered

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # For the session

    def write(self, data: bytes) -> None:
        self._out += data
        if len(self._out) > WRITE_AHEAD:
            self.flush()

    def flush(self) -> None:
        if self._out and self._transport is not None and not self._gone:
            self._transport.write(bytes(self._out))
        self._out.clear()

    async def drain(self) -> None:
        self.flush()
        await asyncio.sleep(0)
        await self._writable.wait()

    async def receive(self) -> FrontendMessage | None:
        return await self._next()

    # The client's task

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self._listener.limits.startup_timeout):
                started = await self._start()
            if started:
                await self._serve()
        except TimeoutError:
            self._give_up(SqlError("the startup took too long", "08006"))
        except BrokenStreamError as error:
            self._give_up(error)
        finally:
            self.session.close()
            self._listener.unregister(self._id)
            self._close()

    async def _start(self) -> bool:
        """Do what comes before the first query; returns whether there will be one."""
        encryption_requests = 0
        while (message := await self._next()) is not None:
            match message:
                case messages.SslRequest() | messages.GssEncryptionRequest():
                    encryption_requests += 1
                    if encryption_requests > 2:
                        raise BrokenStreamError("expected a startup message after two requests")
                    self.write(backend.REFUSE_ENCRYPTION)
                    self.flush()
                case messages.CancelRequest():
                    self._listener.cancel(message)
                    return False
                case messages.Startup():
                    try:
                        apply_startup(message, self.session.settings)
                        self._listener.begin_service(self._id)
                    except SqlError as error:
                        self._give_up(error)
                        return False
                    greet(self, message, self.session.settings, self._id, self.secret)
                    self.session.ready()
                    return True
        return False

    async def _serve(self) -> None:
        while True:
            try:
                message = await self._next()
            except MalformedMessageError as error:
                self.session.reject(error)
                continue
            if message is None or isinstance(message, messages.Terminate):
                return
            await self.session.handle(message)
            # A client that sends many messages at once takes turns with all others.
            await asyncio.sleep(0)
            await self._writable.wait()

    async def _next(self) -> FrontendMessage | None:
        """The next message; None when the client is gone."""
        while not self._gone:
            try:
                message = self._reader.next_message()
            finally:
                self._count()
            if message is not None:
                self._wants_more = False
                return message
            self._wants_more = True
            self._arrived.clear()
            self._resume()
            await self._arrived.wait()
        return None

    # Ends

    def _give_up(self, error: SqlError) -> None:
        """Tell the client why, and close."""
        self.write(backend.error_response(error, "FATAL"))
        self.flush()
        self._leave()
        self._close()

    def _close(self) -> None:
        """Close once all is sent, or without that if the client does not take it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def shut_down(self) -> None:
        """Send the client that the engine ends, without waiting for it, and end its task."""
        self._give_up(SqlError("terminating connection due to administrator command", "57P01"))
        if self.task is not None:
            self.task.cancel()
        if self._transport is not None and not self._writable_now():
            self._transport.abort()

    def _writable_now(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() == 0


def _keep_alive(connection: socket.socket | None) -> None:
    """Let the kernel find out when a client's machine is gone."""
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):  # a system that knows it and does not allow it
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
