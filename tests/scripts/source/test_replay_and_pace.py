"""Replay reads each form of file; a pace is kept, in batches, without a flood after a pause."""

import io
from itertools import islice

import pytest

from scripts.recentchanges import replay
from scripts.recentchanges.pace import paced


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1}\n{"b":2}\n',
        b'{"a":1}\r\n\r\n{"b":2}',
        b':ok\n\nevent: message\nid: 5\ndata: {"a":1}\n\nretry: 3\nid: 6\ndata:{"b":2}\n\n',
        b'data: {"a":1}\ndata: {"b":2}\n',
    ],
    ids=["ndjson", "crlf", "event stream", "own file"],
)
def test_events_are_found_in_each_form(text: bytes) -> None:
    assert list(replay.events(io.BytesIO(text))) == [b'{"a":1}', b'{"b":2}']


def test_what_is_no_event_is_handed_on_to_be_counted() -> None:
    text = b'data: {"a": torn\nnonsense\n\xff\n'
    assert list(replay.events(io.BytesIO(text))) == [b'{"a": torn', b"nonsense", b"\xff"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.mark.parametrize("rate", [0.5, 30.0, 1000.0, 40_000.0])
def test_a_rate_is_kept(rate: float) -> None:
    clock = Clock()
    count = 0
    for batch in paced(iter([b"{}"] * 100_000), rate, clock=clock, sleep=clock.sleep):
        count += len(batch)
        if clock.now >= 110.0 or count > 20_000:
            break
    assert count == pytest.approx((clock.now - 100.0) * rate, rel=0.05, abs=1.5)


def test_after_a_pause_at_most_a_second_is_made_up_for() -> None:
    clock = Clock()
    batches = paced(iter([b"{}"] * 100_000), 100.0, clock=clock, sleep=clock.sleep)
    next(batches)
    clock.now += 3600.0
    late = sum(len(batch) for batch in islice(batches, 2))
    assert late <= 101 + 2


def test_rate_0_is_as_fast_as_possible() -> None:
    batches = list(paced(iter([b"{}"] * 1300), 0))
    assert sum(map(len, batches)) == 1300
    assert len(batches) == 3


def test_the_end_of_the_events_is_the_end() -> None:
    clock = Clock()
    assert [len(b) for b in paced([b"{}"] * 2, 10.0, clock=clock, sleep=clock.sleep)] == [1, 1]
