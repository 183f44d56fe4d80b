"""POST /view/deltas: one delta of a pipeline.

`post_connection.py` takes the plain requests of a pipeline's connection. All others come to the
handler here, by way of Tornado. Both call `take_delta`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, NamedTuple

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from server.access.access import refuse_body
from server.access.grant import ALL
from server.access.refusal import Refusal, refuse_view
from server.flusher import now
from server.http.handler import Context, Handler
from server.hub.post_check import Outcome
from viewstream.names import ViewName
from viewstream.protocol import Delta, ProtocolError, decode_delta

NO_LIMIT = 1 << 62
DECODED_IN_PLACE = 256 << 10
"""Bytes of a body that are decoded in one turn of the event loop; above, in a worker thread."""


class Answer(NamedTuple):
    """The answer to a delta: fields of its JSON, and the refusal if it was not taken."""

    fields: dict[str, object]
    refusal: Refusal | None = None


def take_delta(context: Context, body: bytes) -> Answer | Coroutine[Any, Any, Answer]:
    """Take a delta; return a coroutine if a worker thread or the engine has to be waited for."""
    context.metrics.deltas.received_bytes += len(body)
    if len(body) > DECODED_IN_PLACE:
        return _take_large(context, body)
    return _take_decoded(context, _decode(body))


async def _take_large(context: Context, body: bytes) -> Answer:
    answer = _take_decoded(context, await asyncio.to_thread(_decode, body))
    return answer if isinstance(answer, Answer) else await answer


def _take_decoded(
    context: Context, decoded: Delta | Refusal
) -> Answer | Coroutine[Any, Any, Answer]:
    delta = _check(context, decoded)
    if isinstance(delta, Refusal):
        return Answer({}, delta)
    outcome = context.offer_or_ask(delta)
    if isinstance(outcome, Outcome):
        return _answer(context, delta, outcome)
    return _answer_later(context, delta, outcome)


async def _answer_later(context: Context, delta: Delta, outcome: Awaitable[Outcome]) -> Answer:
    return _answer(context, delta, await outcome)


def _decode(body: bytes) -> Delta | Refusal:
    try:
        return decode_delta(body)
    except ProtocolError as error:
        return Refusal(400, str(error))


def _check(context: Context, delta: Delta | Refusal) -> Delta | Refusal:
    """Refuse a delta of a view for which nobody may post, besides what is refused already."""
    if isinstance(delta, Refusal):
        return delta
    if delta.view not in context.hub.names:
        return refuse_view(ViewName(delta.view), context.hub, ALL) or delta
    if context.is_tailed(delta.view):
        sentence = f"this server reads {delta.view} from the engine itself (--tail)"
        return Refusal(403, f"{sentence}: nothing can be posted to it", "tailing")
    return delta


def _answer(context: Context, delta: Delta, outcome: Outcome) -> Answer:
    if outcome is Outcome.TAKEN or outcome is Outcome.HAD:
        head = context.hub.head(delta.view)
        return Answer({"head": head, "taken": outcome is Outcome.TAKEN})
    view = context.hub.report(delta.view, now())
    match outcome:
        case Outcome.REFUSED:
            return Answer({}, Refusal(400, context.hub.why_refused(delta.view)))
        case Outcome.AHEAD:
            sentence = f"the engine's time cannot be checked: {view.failure}"
            return Answer({}, Refusal(503, sentence, "engine_away"))
        case Outcome.UNKNOWN:
            sentence = f"the epoch cannot be checked: {view.failure}"
            return Answer({}, Refusal(503, sentence, "engine_away"))
        case Outcome.GAP:
            sentence = f"the delta begins at {delta.lower}, above the head {view.head}"
            return Answer({"head": view.head}, Refusal(409, sentence))
        case _:
            sentence = f"the epoch {delta.epoch} has ended: the engine's is {view.epoch}"
            return Answer({"epoch": view.epoch}, Refusal(410, sentence))


@stream_request_body
class Deltas(Handler):
    """POST /view/deltas: one delta of a pipeline."""

    allowed_methods = "POST"

    def prepare(self) -> None:
        self._body = bytearray()
        if self.request.method != "POST":
            self.refuse_method()
            return
        refusal = self._refusal()
        if refusal is not None:
            self.refuse(refusal)
            return
        # `data_received` refuses a body that grows too large, with a sentence; Tornado would not.
        assert isinstance(self.request.connection, HTTP1Connection)
        self.request.connection.set_max_body_size(NO_LIMIT)

    def _refusal(self) -> Refusal | None:
        request = self.request
        remote_ip = request.remote_ip or ""
        refusal = self.context.access.refuse_post(request.headers, request.version, remote_ip)
        return refusal or refuse_body(request.headers, self.context.max_body, may_stream=True)

    def data_received(self, chunk: bytes) -> None:
        if self._finished:
            return
        limit = self.context.max_body
        if len(self._body) + len(chunk) > limit:
            self._body.clear()
            self.refuse(Refusal(413, f"the body is larger than the limit of {limit} bytes"))
        else:
            self._body += chunk

    async def post(self) -> None:
        if self._finished:
            return
        body = bytes(self._body)
        self._body.clear()
        answer = take_delta(self.context, body)
        if not isinstance(answer, Answer):
            answer = await answer
        if answer.refusal is None:
            self.answer(200, answer.fields)
        else:
            self.refuse(answer.refusal, **answer.fields)
