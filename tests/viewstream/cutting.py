"""Text of a TAIL, cut into deltas."""

from __future__ import annotations

from tests.support.tail_text import progress
from viewstream.bodies import Bodies
from viewstream.protocol import Delta, decode_delta

EPOCH = "1577927045678-u7"

HEADER = f"# epoch {EPOCH}\n".encode()

OPENING = HEADER + progress(10)


def opened(limit: int = 1 << 20, opening: bytes = OPENING) -> Bodies:
    """Bodies that have read the first two lines and whose first, empty delta was taken."""
    bodies = Bodies("top10", limit)
    bodies.feed(opening)
    assert decode_delta(bodies.take(limit)).updates == []
    return bodies


def cut(text: bytes, opening: bytes = OPENING) -> Delta:
    """The one delta that `text` comes to."""
    bodies = opened(opening=opening)
    bodies.feed(text)
    return decode_delta(bodies.take(1 << 20))


def updates(text: bytes) -> list[tuple[int, int, list[str | None]]]:
    return [(time, diff, list(values)) for time, diff, values in cut(text).updates]
