"""Counts what happens in the views of a hub, for `/metrics`."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from server.hub.audit import Finding


class Resume(Enum):
    """The answer to a client that came with a position: a delta, or a base and why."""

    DELTA = ("delta", "")
    FEWER_BYTES = ("base", "fewer_bytes")
    LOG_TRIMMED = ("base", "log_trimmed")
    EPOCH_ENDED = ("base", "epoch_ended")


class Tallies:
    """Counters of all views. Parts of a view count as the view, so that labels are few."""

    def __init__(self) -> None:
        self.resumes: Counter[tuple[str, Resume]] = Counter()
        self.audits: Counter[tuple[str, Finding]] = Counter()
        self.clients = 0
        """Clients that were ever added."""
        self.sent_bytes = 0
        """Bytes of messages that sockets have taken, or that are kept for slow clients."""

    def count_resume(self, view: str, resume: Resume) -> None:
        self.resumes[label_of(view), resume] += 1

    def take_audits(self, view: str, findings: Counter[Finding]) -> None:
        """Count the findings of a view, and clear them."""
        for finding, count in findings.items():
            self.audits[label_of(view), finding] += count
        findings.clear()


def label_of(view: str) -> str:
    """Return the name of a view without its part."""
    return view.partition("[")[0]
