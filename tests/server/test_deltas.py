"""`take_delta`, by which posts of plain connections and of Tornado's are taken."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from server.delta_counts import DeltaCounts
from server.http import deltas
from server.http.deltas import DECODED_IN_PLACE, Answer, take_delta
from server.hub.post_check import Outcome
from tests.server.simulated import VIEW, Clock, Server
from viewstream.protocol import Delta, encode


class Offering:
    """The part of a server that `take_delta` uses; its hub has an outcome at once, or `later`."""

    def __init__(self, *, later: bool) -> None:
        self._is_later = later
        self.hub = Server(Clock()).hub
        self.metrics = SimpleNamespace(deltas=DeltaCounts())

    def is_tailed(self, view: str) -> bool:
        return False

    def offer_or_ask(self, delta: Delta) -> Any:
        return self._ask() if self._is_later else Outcome.TAKEN

    async def _ask(self) -> Outcome:
        return Outcome.TAKEN


@pytest.mark.parametrize("size", [1, DECODED_IN_PLACE])
@pytest.mark.parametrize("later", [False, True])
def test_a_body_is_decoded_and_counted_once(
    monkeypatch: pytest.MonkeyPatch, size: int, *, later: bool
) -> None:
    """Also if a worker thread decodes it, and the engine has to be asked before it is taken."""
    decoded = []
    decode = deltas.decode_delta
    monkeypatch.setattr(deltas, "decode_delta", lambda body: decoded.append(1) or decode(body))
    context: Any = Offering(later=later)
    body = encode(Delta(VIEW, "1-u1", 5, 6, [(5, 1, ("x" * size, None))]))
    answer = take_delta(context, body)
    assert isinstance(answer, Answer) == (size == 1 and not later)
    if not isinstance(answer, Answer):
        answer = asyncio.run(answer)
    assert answer.fields["taken"] is True
    assert decoded == [1]
    assert context.metrics.deltas.received_bytes == len(body)
