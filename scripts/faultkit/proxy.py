"""Proxies that inject faults between processes: into whole POSTs, and into bytes of websockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Coroutine
from enum import Enum

HOST = "127.0.0.1"
MOST_PENDING = 4
"""POSTs that are kept for later at most."""


class PostFault(Enum):
    """A fault of one POST."""

    CUT_BEFORE = "the connection breaks before the server has it"
    CUT_AFTER = "the server has it, and the connection breaks before the answer"
    DELAY = "it waits"
    TRUNCATE = "the server gets half of it"
    DUPLICATE = "the server gets it twice"
    REORDER = "the server gets it once more after later ones"


class _Listening:
    """A TCP server on a free port of this machine, with its connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break all connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._guard(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.serve(reader, writer)
        except (OSError, EOFError):
            pass  # either side has disconnected, which is no fault of the proxy
        finally:
            writer.transport.abort()

    def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[None, None, None]:
        raise NotImplementedError


class PostProxy(_Listening):
    """An HTTP proxy in front of one server, which injects faults into its next POSTs."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._faults: deque[tuple[PostFault, float]] = deque()
        self._injected = asyncio.Event()
        self._late: deque[bytes] = deque()

    async def inject(self, fault: PostFault, count: int, seconds: float) -> None:
        """Inject a fault into the next `count` POSTs, and wait for them; a delay is `seconds`."""
        self._injected.clear()
        self._faults.extend([(fault, seconds)] * count)
        await self._injected.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_message(reader)
            fault, seconds = None, 0.0
            if request.startswith(b"POST") and self._faults:
                fault, seconds = self._faults.popleft()
                if not self._faults:
                    self._injected.set()
            answer = await self._pass_on(request, fault, seconds)
            if answer is None:
                return
            # Before the answer, so that the poster's next request cannot overtake it.
            if fault is None and self._late:
                await self._forward(self._late.popleft())
            writer.write(answer)
            await writer.drain()

    async def _pass_on(
        self, request: bytes, fault: PostFault | None, seconds: float
    ) -> bytes | None:
        """Return the server's answer, or None to break the connection."""
        if fault is PostFault.CUT_BEFORE:
            return None
        if fault is PostFault.DELAY:
            await asyncio.sleep(seconds)
        elif fault is PostFault.TRUNCATE:
            await self._forward(request[: len(request) // 2 + 1], whole=False)
            return None
        elif fault is PostFault.DUPLICATE:
            await self._forward(request)
        elif fault is PostFault.REORDER and len(self._late) < MOST_PENDING:
            self._late.append(request)
            return None
        answer = await self._forward(request)
        return None if fault is PostFault.CUT_AFTER else answer

    async def _forward(self, request: bytes, *, whole: bool = True) -> bytes | None:
        """Send bytes to the server; return its answer, or None if there is none."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self.target)
        except OSError:
            return None
        try:
            writer.write(request)
            await writer.drain()
            return await read_message(reader) if whole else None
        except (OSError, EOFError):
            return None
        finally:
            writer.transport.abort()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Read one HTTP request or response with its body, whose size is Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


class StreamProxy(_Listening):
    """A TCP proxy in front of one server, for websockets.

    `rate` limits the bytes a second to the client; None is no limit. `cut_mid_frame` breaks each
    connection after half of the next bytes that the server sends on it.
    """

    def __init__(self, target: int, rate: int | None = None) -> None:
        super().__init__(target)
        self._rate = rate
        self._cuts: set[asyncio.Event] = set()

    def cut_mid_frame(self) -> int:
        """Arm the cut; return how many connections it will break."""
        for cut in self._cuts:
            cut.set()
        return len(self._cuts)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, sending = await asyncio.open_connection(sock=await self._connect(), limit=4096)
        cut = asyncio.Event()
        self._cuts.add(cut)
        try:
            up = asyncio.ensure_future(self._copy(reader, sending, None, None))
            down = asyncio.ensure_future(self._copy(upstream, writer, cut, self._rate))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        finally:
            self._cuts.discard(cut)
            with contextlib.suppress(OSError):
                sending.transport.abort()

    async def _connect(self) -> socket.socket:
        line = socket.socket()
        try:
            line.setblocking(False)
            if self._rate is not None:
                # A small window, so that the server, and not only the kernel, has a slow client.
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await asyncio.get_running_loop().sock_connect(line, (HOST, self.target))
        except BaseException:
            line.close()
            raise
        return line

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: asyncio.Event | None,
        rate: int | None,
    ) -> None:
        while data := await reader.read(1024 if rate is not None else 65536):
            if cut is not None and cut.is_set():
                writer.write(data[: len(data) // 2])
                await writer.drain()
                return
            writer.write(data)
            await writer.drain()
            if rate is not None:
                await asyncio.sleep(len(data) / rate)
