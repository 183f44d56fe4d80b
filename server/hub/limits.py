"""The bounds of the hub, each with its default. Times in milliseconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    log_bytes: int = 16 << 20
    """Deltas kept for one view; twice as much while a base is being sent."""
    log_age: int = 15 * 60_000
    """How long a delta is kept, at most."""
    fold_at_once: int = 1 << 20
    """Bytes of the log that are folded in one step for a client that comes back. Where there is
    more, a base is read to see whether it is smaller."""
    fold_cache_bytes: int = 4 << 20
    """Folded deltas of one view that are kept for other clients at the same frontier."""
    base_reuse_bytes: int = 64 << 10
    """A base followed by at most so many bytes of log is sent again, not read again."""
    backlog_bytes: int = 64 << 20
    """Messages that slow clients have begun to take, over all clients and views; a message that
    many clients wait for counts once. Above it, the clients that cost most are disconnected."""
    bases_in_flight: int = 4
    """Different bases of one view that slow clients are taking at the same time."""
    stall_after: int = 60_000
    """A blocked client that takes nothing for so long is disconnected."""
    compress_from: int | None = 1024
    """Size from which a message is deflated for clients that accept it; None: never."""
    gap_patience: int = 3_000
    """How long after the head moved a delta that leaves a gap is refused."""
    recreate_patience: int = 5_000
    """How long bases of a new epoch wait for the log of a view whose pipeline posted before."""
    stale_after: int = 15_000
    """A view without a POST, or behind the engine, for so long is called stale."""
    audit_every: int = 60_000
    """A base is read and compared with the log at least so often while deltas come."""
    checksum_every: int = 5_000
    """Least time between two deltas that carry a checksum."""
    status_every: int = 5_000
    """Longest time in which a client is sent nothing: then it gets the view's status."""
    max_parts: int = 1_000
    """Parts of views that are open at a time."""
    part_grace: int = 60_000
    """How long a part without listeners stays open: clients that come back resume."""
