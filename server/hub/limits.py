"""The bounds of the hub, each with its default. Times in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    log_bytes: int = 16 << 20
    """Bytes of deltas kept for one view; twice as much while a base is being sent."""
    log_age: int = 15 * 60_000
    """For how long a delta is kept, at most."""
    writing_bases: int = 4
    """Different bases of one view that may be on their way to slow clients at one time."""
    max_folded: int = 1 << 20
    """Bytes of the log that are folded at once for one client; where it is more, a base is read
    to see whether that is less."""
    fold_bytes: int = 4 << 20
    """Bytes of folded deltas of one view that are kept for others who come back at their place."""
    always_worth: int = 64 << 10
    """A base with at most so many bytes of log after it is sent again rather than read anew."""
    held_bytes: int = 64 << 20
    """Bytes of messages of which some is still to be taken, over all clients and views; what
    many wait for counts once. Beyond, those who cost most are closed."""
    compress_from: int | None = 1024
    """Bytes from which a message is deflated for who takes it; None: never."""
    gap_patience: int = 3_000
    """For how long after the head moved a delta that leaves a gap is refused."""
    stale_after: int = 15_000
    """After how long without a POST, or behind the engine, a view is called stale."""
    audit_every: int = 60_000
    """How often, at least, the view is read and compared with the log while deltas come."""
    checksum_every: int = 5_000
    """How often, at most, a delta carries a checksum."""
    speak_every: int = 5_000
    """After how much silence a client is told the view's status again."""
