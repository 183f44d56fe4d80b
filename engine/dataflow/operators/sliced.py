"""The base of operators of which a small change may have a large result.

Such a result is returned in slices, one in each step, so that no step takes long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet

SLICE = 4096
"""Rows after which a step ends and leaves the others to the next one: some milliseconds."""


class Sliced(Operator):
    """Processes changes one after the other; a change may take several steps."""

    def __init__(self) -> None:
        self._runs: deque[Iterator[None]] = deque()
        self.output: ZSet = {}
        self.errors: ErrorChange = {}

    @property
    def has_more(self) -> bool:
        return bool(self._runs)

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        if any(changes):
            self._runs.append(self.run(changes))
        self.output, self.errors = {}, errors
        while self._runs:
            if next(self._runs[0], True) is None:
                break
            self._runs.popleft()
        return self.output

    def run(self, changes: Sequence[ZSet]) -> Iterator[None]:
        """Add the result of the changes to `output` and `errors`; yield after `SLICE` rows.

        It must not change state that was read before a yield and is read again after it.
        """
        raise NotImplementedError
