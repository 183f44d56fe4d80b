"""What a TAIL reads: the changes of one relation, in the order of their times."""

from __future__ import annotations

from typing import NamedTuple

from engine.relation import Column
from engine.zset import Row


class SubscribedRow(NamedTuple):
    """A change of `diff` copies of `row` at `time`, or, if `progressed`, a progress row.

    A progress row says that nothing will come any more with a time strictly below its own; its
    `diff` and `row` are None.
    """

    time: int
    progressed: bool
    diff: int | None
    row: Row | None


class Subscription:
    """A running TAIL. It keeps its place; what it has not read yet waits in the history."""

    columns: tuple[Column, ...]

    async def next_batch(self) -> list[SubscribedRow] | None:
        """What is new, in time order and never empty; None when nothing can come any more.

        A batch is bounded (some thousand rows): a large snapshot comes in several. Raises SqlError
        when the TAIL cannot go on (its reader fell too far behind). May be cancelled; nothing is
        lost by that.
        """
        raise NotImplementedError

    def ready(self) -> list[SubscribedRow]:
        """What is new now, without waiting; empty when there is nothing or it has ended."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether all has been delivered and nothing can come any more."""
        raise NotImplementedError

    def close(self) -> None:
        """End the TAIL and free what it holds; harmless when done twice."""
        raise NotImplementedError
