"""Reads Chromium's traces: what the main thread of a page spent its processor time on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]

CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "__metadata"]
"""The traced categories. More would cost more than the page."""

_KINDS = {
    "FunctionCall": "script",
    "EvaluateScript": "script",
    "RunMicrotasks": "script",
    "v8.callFunction": "script",
    "v8.compile": "script",
    "MinorGC": "script",
    "MajorGC": "script",
    "UpdateLayoutTree": "style",
    "Layout": "layout",
    "PrePaint": "paint",
    "Paint": "paint",
    "Layerize": "paint",
    "Commit": "paint",
    "RunTask": "other",
}
"""The kinds of events. Others count as the event within which they are."""


@dataclass(frozen=True)
class MainThread:
    """Seconds of processor time by kind, and the longest task."""

    seconds: Mapping[str, float]
    longest_task: float
    frames: int

    def of(self, *kinds: str) -> float:
        return sum(self.seconds.get(kind, 0.0) for kind in kinds)


def read_main_thread(events: Iterable[Event]) -> MainThread:
    """Sum up the thread that updates most styles: the page's."""
    known = [event for event in events if event.get("ph") == "X" and "dur" in event]
    threads = Counter(_thread(event) for event in known if event["name"] == "UpdateLayoutTree")
    if not threads:
        return MainThread({}, 0.0, 0)
    [(thread, _)] = threads.most_common(1)
    own = sorted((e for e in known if _thread(e) == thread), key=lambda e: (e["ts"], -e["dur"]))
    tasks = [_cpu(event) for event in own if event["name"] == "RunTask"]
    frames = sum(event["name"] == "Commit" for event in own)
    return MainThread(_seconds_by_kind(own), max(tasks, default=0.0), frames)


def _thread(event: Event) -> tuple[int, int]:
    return event["pid"], event["tid"]


def _cpu(event: Event) -> float:
    """Return the seconds of processor time; the duration has those of other processes, too."""
    microseconds: float = event.get("tdur", event["dur"])
    return microseconds / 1e6


def _seconds_by_kind(events: Iterable[Event]) -> Mapping[str, float]:
    """Sum the time of each event, without that of those within it, by kind."""
    seconds: defaultdict[str, float] = defaultdict(float)
    around: list[tuple[float, str]] = []  # the end and the kind of each event that is not over
    for event in events:
        while around and event["ts"] >= around[-1][0]:
            around.pop()
        outer = around[-1][1] if around else None
        kind = _KINDS.get(event["name"], outer)
        if kind is None:
            continue
        seconds[kind] += _cpu(event)
        if outer is not None:
            seconds[outer] -= _cpu(event)
        around.append((event["ts"] + event["dur"], kind))
    return seconds
