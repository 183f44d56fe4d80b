"""A compiled query: what it reads, what it gives, and how to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.dataflow import Dataflow
from engine.relation import Column
from engine.types import SqlType
from engine.zset import Row, Value, ZSet

if TYPE_CHECKING:
    from engine.scalar import Environment


@dataclass(frozen=True)
class Query:
    """A query that was bound to the catalog and planned; immutable, may be run many times.

    `inputs` are the ids of the relations whose rows it reads; `dependencies` those and the ids of
    the plain views that were inlined. `parameters` are the types of `$1`, `$2` and so on.
    `explain` is the plan, a line each. `depends_on_time` tells that a one-off answer depends on
    the time at which it is asked.
    """

    columns: tuple[Column, ...]
    inputs: tuple[str, ...]
    dependencies: tuple[str, ...]
    parameters: tuple[SqlType, ...]
    explain: tuple[str, ...]

    def dataflow(
        self, environment: Environment, parameters: Sequence[Value] = (), time: int = 0
    ) -> Dataflow:
        """A fresh dataflow; a one-off SELECT steps it once, with all contents, at `time`."""
        raise NotImplementedError

    def finish(self, result: ZSet, parameters: Sequence[Value] = ()) -> list[Row]:
        """A one-off result as the rows to send: sorted, limited, each as often as it is there."""
        raise NotImplementedError
