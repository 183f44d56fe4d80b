"""GET /view/rows: the rows of one view at the head, for programs that want no stream."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tornado.iostream import StreamClosedError

from server.access.grant import ALL
from server.access.refusal import Refusal, refuse_view
from server.flusher import now
from server.http.handler import Context
from server.http.one_view import OneView
from server.http.table import Format, TooManyRowsError, make_table
from server.hub.history import Snapshot
from viewstream.names import ViewName

PATIENCE = 10_000
"""Milliseconds that a request waits for the view to be read."""
RETRY_AFTER = 1
"""Seconds after which a client should ask again, if the view could not be read."""
SLICE = 256 << 10
"""Bytes that are written at once."""
SLICE_TIMEOUT = 60.0
"""Seconds that a client has to take a slice, as the stall limit of streams."""
CACHE_BYTES = 16 << 20
"""Bytes of bodies that are kept for clients that ask at the same position."""


@dataclass
class Body:
    """The rows of a view in one format, as parts of some hundred KB."""

    parts: list[bytes]
    size: int


class Bodies:
    """Encodes each snapshot once per format, however many clients ask at the same time."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str, Format], Body] = OrderedDict()
        self._making: dict[tuple[str, str, Format], asyncio.Task[Body]] = {}
        self._size = 0

    async def body(self, view: str, snapshot: Snapshot, format_: Format) -> Body:
        """Return the snapshot in that format; raises TooManyRowsError."""
        key = (view, snapshot.tag, format_)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, snapshot))
        return await asyncio.shield(task)

    async def _make(self, key: tuple[str, str, Format], snapshot: Snapshot) -> Body:
        body = Body([], 0)
        try:
            for part in make_table(snapshot).encode_slices(key[2]):
                body.parts.append(part)
                body.size += len(part)
                await asyncio.sleep(0)
        finally:
            del self._making[key]
        self._drop_older(key)
        if body.size <= CACHE_BYTES:
            self._made[key] = body
            self._size += body.size
        while self._size > CACHE_BYTES:
            _, oldest = self._made.popitem(last=False)
            self._size -= oldest.size
        return body

    def _drop_older(self, key: tuple[str, str, Format]) -> None:
        """Drop the bodies of other positions of the same view: nobody asks for them again."""
        view, tag, _ = key
        for one in [one for one in self._made if one[0] == view and one[1] != tag]:
            self._size -= self._made.pop(one).size


@dataclass(frozen=True)
class _Request:
    name: ViewName
    format: Format

    @property
    def view(self) -> str:
        return str(self.name)


class Rows(OneView):
    """Answers with an ETag, the position; several clients share one read of the view."""

    def initialize(  # type: ignore[override]  # the route passes them
        self, context: Context, bodies: Bodies
    ) -> None:
        super().initialize(context)
        self._bodies = bodies

    async def get(self) -> None:
        asked = self._parse()
        if isinstance(asked, Refusal):
            self.refuse(asked)
            return
        report = self.context.hub.report(asked.view, now())
        self.set_header("Vary", "Accept, Origin")
        if report.head is not None and self._has(f'"{report.epoch}:{report.head}"'):
            self._answer_unchanged(f'"{report.epoch}:{report.head}"')
            return
        snapshot = await self._snapshot(asked.name)
        if isinstance(snapshot, Refusal):
            self.refuse(snapshot)
        elif snapshot is None:
            reason = self.context.hub.report(asked.view, now()).failure or "it is being read"
            self.set_header("Retry-After", str(RETRY_AFTER))
            self.refuse(Refusal(503, f"the view {asked.view!r} cannot be read now: {reason}"))
        elif self._has(snapshot.tag):
            self._answer_unchanged(snapshot.tag)
        else:
            try:
                body = await self._bodies.body(asked.view, snapshot, asked.format)
            except TooManyRowsError as error:
                self.refuse(Refusal(406, str(error)))
            else:
                await self._send(body, snapshot.tag, asked.format)

    def _parse(self) -> _Request | Refusal:
        name = self.find_view()
        if isinstance(name, Refusal):
            return name
        format_ = self._format()
        return format_ if isinstance(format_, Refusal) else _Request(name, format_)

    def _format(self) -> Format | Refusal:
        """The format by `format=`, or else by `Accept`."""
        name = self.get_query_argument("format", None)
        if name is not None:
            found = Format.__members__.get(name.upper())
            return found or Refusal(400, f"expected format=json, ndjson or csv, found {name!r}")
        accept = self.request.headers.get("Accept", "")
        chosen = [one for one in Format if one.value in accept]
        return min(chosen, key=lambda one: accept.index(one.value), default=Format.JSON)

    def _has(self, tag: str) -> bool:
        """Whether the client has the rows of this position already."""
        tags = self.request.headers.get("If-None-Match", "").split(",")
        return tag in [one.strip().removeprefix("W/") for one in tags]

    def _answer_unchanged(self, tag: str) -> None:
        self.set_status(304)
        self.set_header("ETag", tag)
        self.finish()

    async def _snapshot(self, name: ViewName) -> Snapshot | Refusal | None:
        """Wait for a base that is good enough; None if the view cannot be read."""
        hub, view = self.context.hub, str(name)
        asked, deadline = hub.questions.last(view), now() + PATIENCE
        while (snapshot := hub.snapshot(view, asked, now())) is None:
            if hub.report(view, now()).failure is not None or now() > deadline:
                return None
            await self.context.wait_for_answer(1.0)
            refusal = self.open_part(name) or refuse_view(name, hub, ALL)
            if refusal is not None:
                return refusal
        return snapshot

    async def _send(self, body: Body, tag: str, format_: Format) -> None:
        """Write slice by slice: a client that takes nothing costs one, and not for long."""
        kind = format_.value + ("; charset=utf-8; header=present" if format_ is Format.CSV else "")
        self.set_header("Content-Type", kind)
        self.set_header("Content-Length", str(body.size))
        self.set_header("Cache-Control", "no-cache")  # revalidated each time, by its ETag
        self.set_header("ETag", tag)
        for part in _slices(body.parts):
            self.write(part)
            try:
                await asyncio.wait_for(self.flush(), SLICE_TIMEOUT)
            except TimeoutError:
                self.detach().close()
                return
            except StreamClosedError:
                return
        self.finish()


def _slices(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), SLICE):
            yield part[start : start + SLICE]
