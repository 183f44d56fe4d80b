"""Tests how a trace and the memory of a browser are read: each millisecond once, and the growth."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.benchmarks._trace import read_main_thread
from scripts.benchmarks.browser import _growth

PAGE, OTHER = (1, 10), (1, 11)


def event(name: str, start: int, cpu: int, wall: int | None = None, **more: Any) -> dict[str, Any]:
    """Return an event of the page's thread; times in milliseconds."""
    pid, tid = more.pop("thread", PAGE)
    times = {"ts": start * 1000, "dur": (wall or cpu) * 1000, "tdur": cpu * 1000}
    return {"ph": "X", "pid": pid, "tid": tid, "name": name, **times}


def test_the_time_of_an_event_is_without_that_of_those_within_it() -> None:
    thread = read_main_thread(
        [
            event("UpdateLayoutTree", 12, 2),
            event("Layout", 14, 3),
            event("FunctionCall", 10, 9),
            event("RunTask", 10, 10),
            event("Paint", 30, 4),
        ]
    )
    seconds = {"script": 0.004, "style": 0.002, "layout": 0.003, "other": 0.001, "paint": 0.004}
    assert thread.seconds == pytest.approx(seconds)
    assert thread.of("script", "style", "layout") == pytest.approx(0.009)


def test_an_event_without_a_kind_counts_as_that_around_it() -> None:
    events = [event("UpdateLayoutTree", 0, 1), event("FunctionCall", 10, 5), event("X", 11, 4)]
    assert read_main_thread(events).of("script") == pytest.approx(0.005)


def test_processor_time_counts_and_not_what_others_took() -> None:
    events = [event("UpdateLayoutTree", 0, 1), event("RunTask", 10, 5, wall=80)]
    assert read_main_thread(events).longest_task == pytest.approx(0.005)


def test_only_the_thread_of_the_page_counts() -> None:
    events = [
        event("UpdateLayoutTree", 0, 1),
        event("FunctionCall", 0, 50, thread=OTHER),
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 10},
    ]
    assert read_main_thread(events).of("script") == 0


def test_a_trace_without_a_page_has_nothing() -> None:
    assert read_main_thread([]).of("script") == 0


def test_memory_that_is_filled_by_what_is_kept_does_not_grow() -> None:
    filling = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert _growth([*filling, 55.0, 54.0, 55.0, 54.0, 55.0]) == pytest.approx(0)
    assert _growth([*filling, 55.0, 56.0, 57.0]) == pytest.approx(60)
