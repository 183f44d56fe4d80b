"""A query that is kept up to date: a view, an index, or the query of a TAIL."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from engine.coordinator.collection import Collection, Stored
from engine.coordinator.history import History
from engine.coordinator.limits import ResultSize, check_state
from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.relation import Column
from engine.zset import Change, ZSet

STEPS_BETWEEN_CHECKS = 64

_logger = logging.getLogger(__name__)


class ErrorSink(Protocol):
    """Where the evaluation errors of a view are published."""

    def __call__(self, id: str, changes: dict[str, int]) -> None: ...


class Maintained(Stored):
    """A dataflow with its inputs and the history of its output.

    While it catches up with its inputs `hydrate` steps it; then the `Graph` does.
    """

    def __init__(
        self,
        id: str,
        name: str,
        columns: tuple[Column, ...],
        flow: Dataflow,
        inputs: Mapping[str, Collection],
        since: int,
        publish_errors: ErrorSink | None = None,
    ) -> None:
        super().__init__(id, name, columns, History(since))
        self.inputs = dict(inputs)
        self.next_time: int | None = None
        self._flow: Dataflow | None = flow
        self._publish_errors = publish_errors
        self._size = ResultSize(f"'{name}'")
        self._steps = 0
        for collection in self.inputs.values():
            collection.acquire()

    @property
    def flow(self) -> Dataflow | None:
        """The dataflow; None once it has ended."""
        return self._flow

    @property
    def is_wanted(self) -> bool:
        """Whether it has users to be stepped for."""
        return self.users > 0 and self.error is None

    @property
    def rows_kept(self) -> int:
        """How many rows the operators remember, those of the result included."""
        kept = len(self.history.contents)
        return kept + self._flow.rows_kept if self._flow is not None else kept

    def wants(self, time: int, changes: Mapping[str, Change]) -> bool:
        """Whether it has to be stepped at `time`."""
        if self.has_more or (self.next_time is not None and self.next_time <= time):
            return True
        return self.rows_absorbed > 0 or any(id in changes for id in self.inputs)

    @property
    def has_more(self) -> bool:
        """Whether the last step took a slice of its work, and must be followed by another."""
        return self._flow is not None and self._flow.has_more

    def defer(self, deferred: bool) -> None:
        """Let operators wait with their results, while more changes of the same time follow."""
        if self._flow is not None:
            self._flow.defer(deferred)

    @property
    def rows_absorbed(self) -> int:
        """How many rows wait for the next step."""
        return self._flow.rows_absorbed if self._flow is not None else 0

    def absorb(self, changes: Mapping[str, Change]) -> None:
        """Buffer a portion of the inputs' change for the next step."""
        mine = {id: changes[id] for id in self.inputs if id in changes}
        if self._flow is None or not mine:
            return
        with self._failing_alone():
            self._flow.absorb(mine)

    def step(self, time: int, changes: Mapping[str, Change]) -> ZSet:
        """Process the change of the inputs at `time`; the result's change is kept and returned.

        While `has_more`, the step must be repeated at the same time. Errors of single rows are
        published; other errors, such as a result that grows too large, end this view alone.
        """
        change: ZSet = {}
        with self._failing_alone():
            if self._flow is not None:
                change = self._flow.step_slice(time, changes)
                self.next_time = self._flow.next_time
                self._drain_errors(self._flow.errors)
        if change:
            self.history.append(time, change)
            with self._failing_alone():
                self._check_size(change)
        return change

    def _check_size(self, change: ZSet) -> None:
        self._size.add(change, len(self.history.contents))
        self._steps += 1
        if self._steps % STEPS_BETWEEN_CHECKS == 0:
            check_state(f"'{self.name}'", self.rows_kept)

    def _drain_errors(self, errors: dict[str, int]) -> None:
        if errors:
            if self._publish_errors is not None:
                self._publish_errors(self.id, dict(errors))
            errors.clear()

    @contextmanager
    def _failing_alone(self) -> Iterator[None]:
        """Let an error in the dataflow end this view, and nothing else."""
        try:
            yield
        except SqlError as error:
            self._drain_errors({error.message: 1})
            self.fail(error)
        except Exception:
            _logger.exception("the dataflow of %s failed and has been ended", self.name)
            self.fail(SqlError(f"internal error: the dataflow of '{self.name}' failed"))

    def finish_if_done(self) -> None:
        """Once no input can change and no time will, the operators can go."""
        if self.next_time is None and all(c.finished for c in self.inputs.values()):
            self.finished = True
            self.is_constant = all(c.is_constant for c in self.inputs.values())
            self._flow = None

    def fail(self, error: SqlError) -> None:
        super().fail(error)
        self._flow = None

    def free(self) -> list[Collection]:
        self._flow = None
        freed = super().free()
        for collection in self.inputs.values():
            freed += collection.release()
        return freed


def is_unfinished(members: Iterable[Maintained]) -> bool:
    """Whether one of them has processed a slice of its work only."""
    return any(member.has_more for member in members)


def step_all(
    members: Sequence[Maintained], time: int, changes: Mapping[str, Change]
) -> dict[str, Change]:
    """Step those of `members` (inputs before their users) that need it; returns all changes.

    While `is_unfinished`, it must be repeated at the same time.
    """
    known = dict(changes)
    for member in members:
        if member.error is None and member.wants(time, known):
            for collection in member.inputs.values():
                if collection.error is not None:
                    member.fail(collection.error)
            if change := member.step(time, known):
                # The rows of a source that are kept have the source's id, and the same change.
                known.setdefault(member.id, change)
    return known
