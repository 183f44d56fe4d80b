"""Shares snapshots, and updates as the sessions encode them, between the TAILs of a collection.

Several clients, such as a pipeline and two servers, read the same updates at about the same time.
The first encodes them, and the others take its result. A collection with one TAIL keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

from engine.zset import ZSet

BLOCK_ROWS = 512
"""Updates that are encoded together; blocks of a change begin at its multiples in every TAIL."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of encoded updates that are kept for one collection."""

T = TypeVar("T")


@dataclass(eq=False)
class Snapshot:
    """The contents at a time, for all TAILs that are reading them."""

    contents: ZSet
    origin: object = field(default_factory=object)


class Shared:
    """The encoded blocks of a collection's TAILs, and snapshots that are being read."""

    def __init__(self) -> None:
        self._tails = 0
        self._blocks: dict[Hashable, tuple[object, int]] = {}
        """Encoded blocks and their sizes, the oldest first."""
        self._size = 0
        self._snapshots: WeakValueDictionary[int, Snapshot] = WeakValueDictionary()

    def join(self) -> None:
        """Add a TAIL."""
        self._tails += 1

    def leave(self) -> None:
        """Remove a TAIL; a single one that is left has nothing to share."""
        self._tails -= 1
        if not self.has_several:
            self._blocks.clear()
            self._size = 0

    @property
    def has_several(self) -> bool:
        """Whether there is more than one TAIL."""
        return self._tails > 1

    def snapshot(self, time: int, contents: Callable[[], ZSet]) -> Snapshot:
        """The contents at a closed time; they are copied unless another TAIL is reading them."""
        found = self._snapshots.get(time)
        if found is None:
            found = self._snapshots[time] = Snapshot(dict(contents()))
        return found

    def block(self, key: Hashable, encode: Callable[[], T], size: Callable[[T], int]) -> T:
        """The block of that key, encoded now if no other TAIL has done so."""
        if not self.has_several:
            return encode()
        known = self._blocks.get(key)
        if known is not None:
            return known[0]  # type: ignore[return-value]
        encoded = encode()
        self._blocks[key] = encoded, size(encoded)
        self._size += self._blocks[key][1]
        while self._size > MAX_BYTES:
            oldest = next(iter(self._blocks))
            self._size -= self._blocks.pop(oldest)[1]
        return encoded
