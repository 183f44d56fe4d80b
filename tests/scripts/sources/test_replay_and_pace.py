"""Replay reads each form of file; a pace is kept, in batches, without a flood after a pause."""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import repeat
from random import Random
from statistics import mean, stdev

import pytest

from scripts.sources import replay
from scripts.sources.pace import lively, paced, steady, unpaced


def test_events_get_the_present_as_their_time() -> None:
    old = rb'{"meta":{"dt":"2023-07-29T07:51:39Z","id":"1"},"comment":"\"timestamp\": 3",'
    old += rb'"timestamp":1690617099,"log_params":{"timestamp":7}}'
    (new,) = replay.at_present([old], lambda: 1_700_000_000.9)
    assert json.loads(new) == {
        "meta": {"dt": "2023-11-14T22:13:20Z", "id": "1"},
        "comment": '"timestamp": 3',
        "timestamp": 1_700_000_000,
        "log_params": {"timestamp": 7},
    }


@contextmanager
def piped() -> Iterator[tuple[int, FileIO]]:
    """Yield the reading end of a pipe, and the writing end as a file without a buffer."""
    reading, writing = os.pipe()
    try:
        with FileIO(writing, "wb") as producer:
            yield reading, producer
    finally:
        os.close(reading)


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
    with piped() as (pipe, producer):
        producer.write(text)
        producer.close()
        found = [event for batch in replay.arriving(pipe) for event in batch]
    assert found == [b'{"a":1}', b'{"b":2}']


def test_a_pipe_is_read_as_lines_come() -> None:
    """A producer that pauses must not hold back what it has written; a line may be cut anywhere."""
    with piped() as (pipe, producer):
        batches = replay.arriving(pipe)
        producer.write(b'{"a":1}\n{"b":2}\n{"c"')
        assert next(batches) == [b'{"a":1}', b'{"b":2}']
        producer.write(b":3}\n")
        assert next(batches) == [b'{"c":3}']
        producer.write(b'{"d":4}')
        producer.close()
        assert list(batches) == [[b'{"d":4}']]


def test_a_line_without_end_is_given_up_in_pieces() -> None:
    with piped() as (pipe, producer):
        thread = threading.Thread(target=lambda: (producer.write(b"x" * 2**23), producer.close()))
        thread.start()
        sizes = [len(event) for batch in replay.arriving(pipe) for event in batch]
        thread.join()
    assert sum(sizes) == 2**23
    assert len(sizes) == 2


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
@pytest.mark.parametrize("kind", ["steady", "lively"])
def test_a_rate_is_kept(kind: str, rate: float) -> None:
    clock = Clock()
    gaps = steady(rate) if kind == "steady" else lively(rate, Random(1))
    count = 0
    for batch in paced(repeat(b"{}"), gaps, clock=clock, sleep=clock.sleep):
        count += len(batch)
        if clock.now >= 400.0 or count > 100_000:
            break
    tolerance = 0.02 if kind == "steady" else 0.25
    assert count == pytest.approx((clock.now - 100.0) * rate, rel=tolerance, abs=1.5)


def test_a_lively_pace_has_its_moods() -> None:
    random = Random(2)
    seconds = [0] * 300
    now = 0.0
    for gap in lively(50.0, random):
        now += gap
        if now >= len(seconds):
            break
        seconds[int(now)] += 1
    assert 35 < mean(seconds) < 65
    # More than chance alone makes of a steady rate, whose deviation is the root of 50.
    assert stdev(seconds) > 1.5 * 50**0.5
    assert max(seconds) < 50 * 5


def test_after_a_pause_at_most_a_second_is_made_up_for() -> None:
    clock = Clock()
    batches = paced(repeat(b"{}"), steady(100.0), clock=clock, sleep=clock.sleep)
    next(batches)
    clock.now += 3600.0
    begin = clock.now
    late = 0
    while clock.now < begin + 1.0:
        late += len(next(batches))
    assert late <= 100 + 100 + 2


def test_what_has_no_pace_comes_as_fast_as_it_is_taken() -> None:
    batches = list(unpaced([b"{}"] * 1300))
    assert sum(map(len, batches)) == 1300
    assert len(batches) == 3


def test_the_end_of_the_events_is_the_end() -> None:
    clock = Clock()
    batches = paced([b"{}"] * 2, steady(10.0), clock=clock, sleep=clock.sleep)
    assert [len(batch) for batch in batches] == [1, 1]
