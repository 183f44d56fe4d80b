"""The inputs of an expression besides its row: the engine, the time, and parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from engine.scalar.documents import SharedDocuments
from engine.zset import Value


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Environment:
    """Constants of the engine that SQL can ask for.

    `start_time` is when the process started: a naive UTC datetime of whole milliseconds.
    `clock` gives the present in milliseconds since 1970, for `now()`. `documents` is what functions
    share that read JSON of the same inputs.
    """

    start_time: datetime
    mz_version: str = "v0.26.0-viewstream"
    version: str = "PostgreSQL 9.6 on x86_64-unknown-linux-gnu (materialized v0.26.0-viewstream)"
    database: str = "materialize"
    schema: str = "public"
    user: str = "materialize"
    clock: Callable[[], int] = field(default=_wall_clock, compare=False)
    documents: SharedDocuments = field(default_factory=SharedDocuments, compare=False)


class Transaction(Protocol):
    @property
    def now(self) -> int:
        """The value of `now()` in all statements of the transaction."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a query: all rows of it see the same time and parameters.

    `time` is what `mz_logical_timestamp()` gives (milliseconds); `parameters` the values of
    `$1`, `$2` .. as Python objects of their types, None for NULL. `transaction` is what the
    statement is part of, if others share its time.
    """

    environment: Environment
    time: int = 0
    parameters: Sequence[Value] = ()
    transaction: Transaction | None = None

    @cached_property
    def now(self) -> int:
        """The value of `now()` in milliseconds, the same in all of the statement."""
        if self.transaction is not None:
            return self.transaction.now
        return self.environment.clock()
