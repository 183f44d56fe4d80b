"""GET /view/history: what changed in a view before a position, for clients that go back in time."""

from __future__ import annotations

import asyncio
import gzip

import msgspec
from tornado.iostream import StreamClosedError

from server.access.refusal import Refusal
from server.http.one_view import OneView
from server.http.rows import SLICE_TIMEOUT
from server.hub.history import Past as Changes
from viewstream.protocol import Position, ProtocolError, parse_position

AT_ONCE = 256 << 10
"""Bytes of deltas in an answer, or one delta: a client asks again from where it begins. A page
reads so many without a long task."""
COMPRESS_FROM = 1024


class Past(OneView):
    """Answers with deltas of the log as they were sent: nothing is encoded again."""

    async def get(self) -> None:
        name = self.find_view()
        if isinstance(name, Refusal):
            self.refuse(name)
            return
        try:
            position, since = self._interval()
        except ProtocolError as error:
            self.refuse(Refusal(400, str(error)))
            return
        past = self.context.hub.past(str(name), position, since, AT_ONCE)
        if past is None:
            epoch = repr(position.epoch)
            self.refuse(Refusal(410, f"the view {str(name)!r} has no changes of the epoch {epoch}"))
            return
        await self._send(str(name), past)

    def _interval(self) -> tuple[Position, int]:
        """Return the position before which changes are asked for, and the time to go back to."""
        before = parse_position(self.get_query_argument("before", ""))
        since = self.get_query_argument("since", "")
        if not (since.isascii() and since.isdigit() and len(since) <= 16):
            raise ProtocolError(f"expected since=TIME, found {since!r}")
        return before, int(since)

    async def _send(self, view: str, past: Changes) -> None:
        self.set_header("Content-Type", "application/json")
        deltas = [msgspec.Raw(delta.payload) for delta in past.deltas]
        fields = {"view": view, "epoch": past.epoch, "lower": past.lower, "upper": past.upper}
        body = msgspec.json.encode({**fields, "deltas": deltas}) + b"\n"
        self.set_header("Vary", "Accept-Encoding, Origin")
        if len(body) >= COMPRESS_FROM and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            self.set_header("Content-Encoding", "gzip")
        self.set_header("Content-Length", str(len(body)))
        self.write(body)
        try:
            await asyncio.wait_for(self.flush(), SLICE_TIMEOUT)
        except TimeoutError:
            self.detach().close()
        except StreamClosedError:
            pass
        else:
            self.finish()
