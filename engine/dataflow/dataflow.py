"""A dataflow: operators on Z-sets, in the order in which changes pass through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from engine.zset import Bag, Change, Sum, ZSet, add, as_zset

ErrorChange: TypeAlias = dict[str, int]
"""Error text -> change of the number of rows that were left out because of it."""


class Operator:
    """Takes the changes of its inputs at a time, and returns the change of its output.

    Times of steps do not decrease; one time may take several steps, each with more of that time's
    change. The result is exact: for the sum of two changes an operator returns the sum of its
    results for one and then the other.
    """

    is_linear = False
    """Whether it has no state and ignores the time, so that it may run ahead of the others."""

    takes_columns = False
    """Whether it takes what a source adds by column; others are given it as a Z-set."""

    takes_bags = False
    """The same for bags of rows."""

    is_deferred = False
    """Whether results of groups are not output yet: more changes of the same time follow."""

    @property
    def name(self) -> str:
        """The name that people see."""
        return type(self).__name__

    @property
    def rows_kept(self) -> int:
        """The number of rows or groups in the operator's state."""
        return 0

    @property
    def has_more(self) -> bool:
        """Whether the last step returned a part of its result, and the next has more of it."""
        return False

    @property
    def next_time(self) -> int | None:
        """The next time at which the output changes although no input does, or None."""
        return None

    def size_of(self, change: Change) -> int:
        """The number of different rows of a change that the last step has taken."""
        return len(change)

    def step(self, time: int, changes: Sequence[Any], errors: ErrorChange) -> ZSet | Bag:
        """Compute the change of the output.

        The operator must not modify `changes`, but may return one of them; the result is not
        modified later. Changes of evaluation errors are added to `errors`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Node:
    """An operator of a dataflow; `inputs` are numbers of earlier nodes, or names of inputs."""

    operator: Operator
    inputs: tuple[int | str, ...]


class Dataflow:
    """A running query.

    `step` takes the changes of the input relations at a time (their contents, the first time) and
    returns the change of the result. Times do not decrease; a change that is too large for one
    step is passed in slices, in several steps of one time. Neither side modifies a Z-set that was
    passed.

    `step_slice` does the same, but may return a part of the result: while `has_more`, it must be
    called again, at the same time and without changes. Each call takes some milliseconds.

    After `defer(True)`, operators whose output costs more than the change (a sum of a large group,
    a top-k) wait with it until `defer(False)`: the caller has more changes of the same time.

    A large change may instead be passed in slices to `absorb`, which runs only the operators
    without state, and sums their results; the next `step` passes the sum to the others. So a
    group that many slices change costs the others one change.
    """

    def __init__(self, nodes: Sequence[Node], output: int | str) -> None:
        self.nodes = tuple(nodes)
        self.output = output
        self._started = False
        self._ahead = _linear_nodes(self.nodes)
        self._absorbed: dict[int | str, Sum] = {}
        """The sums of absorbed changes, by the linear node or the input that they come from."""
        self._linear_ends = _read_by_others(self.nodes, self._ahead, output)
        self.received = [[0] * len(node.inputs) for node in self.nodes]
        """How many rows of changes each input of each node has taken."""
        self.emitted = 0
        """How many rows of changes were returned."""
        self.errors: ErrorChange = {}
        """Changes of error counts since the caller last cleared it (`errors.clear()`)."""

    def step(self, time: int, changes: Mapping[str, Change]) -> ZSet:
        """Compute the change of the result; inputs that are not in `changes` did not change.

        Changes that were absorbed since the last step are part of this one.
        """
        output = self.step_slice(time, changes)
        if self.has_more:
            output = dict(output)
        while self.has_more:
            add(output, self.step_slice(time, {}))
        return output

    @property
    def has_more(self) -> bool:
        """Whether the last slice was not the last of its step."""
        return any(node.operator.has_more for node in self.nodes)

    def defer(self, deferred: bool) -> None:
        """Let operators wait with the results of groups, or output them in the next steps."""
        for node in self.nodes:
            node.operator.is_deferred = deferred

    def step_slice(self, time: int, changes: Mapping[str, Change]) -> ZSet:
        """Compute the first, or the next, slice of the change of the result."""
        absorbed: dict[int | str, Change] = {}
        if self._absorbed:
            self.absorb(changes)
            absorbed = {source: each.change() for source, each in self._absorbed.items()}
            self._absorbed, changes = {}, {}
        results: list[Change] = []
        errors: ErrorChange = {}

        def change_of(source: int | str) -> Change:
            if isinstance(source, int):
                return results[source]
            return absorbed.get(source) or changes.get(source, {})

        for number, node in enumerate(self.nodes):
            if absorbed and number in self._ahead:
                results.append(absorbed.get(number, {}))
                continue
            arguments = [_taken_by(node.operator, change_of(source)) for source in node.inputs]
            has_news = any(arguments)
            if not self._started or has_news or _is_due(node.operator, time):
                results.append(node.operator.step(time, arguments, errors))
            else:
                results.append({})
            if has_news:
                self._count(number, arguments)
        self._started = True
        if errors:
            add_errors(self.errors, errors)
        output = as_zset(change_of(self.output))
        self.emitted += len(output)
        return output

    def _count(self, number: int, arguments: Sequence[Change]) -> None:
        received, size_of = self.received[number], self.nodes[number].operator.size_of
        for port, argument in enumerate(arguments):
            received[port] += size_of(argument)

    def absorb(self, changes: Mapping[str, Change]) -> None:
        """Add a slice of the change that the next `step` completes."""
        results: dict[int, Change] = {}
        errors: ErrorChange = {}

        def change_of(source: int | str) -> Change:
            found = results.get(source) if isinstance(source, int) else changes.get(source)
            return found or {}

        for number in self._ahead:
            node = self.nodes[number]
            if change := change_of(node.inputs[0]):
                self._count(number, [change])
                results[number] = node.operator.step(0, [_taken_by(node.operator, change)], errors)
        for source in self._linear_ends:
            if change := change_of(source):
                self._absorbed.setdefault(source, Sum()).add(change)
        if errors:
            add_errors(self.errors, errors)

    @property
    def rows_absorbed(self) -> int:
        """The number of absorbed rows that wait for the next step."""
        return sum(each.size for each in self._absorbed.values())

    @property
    def next_time(self) -> int | None:
        """The next time at which a temporal filter adds or removes rows, or None.

        The caller must `step` at exactly that time, even if no input has changed.
        """
        times = [time for node in self.nodes if (time := node.operator.next_time) is not None]
        return min(times, default=None)

    @property
    def rows_kept(self) -> int:
        """The number of rows in the state of all operators."""
        return sum(node.operator.rows_kept for node in self.nodes)


def _linear_nodes(nodes: Sequence[Node]) -> list[int]:
    """The linear operators that depend on inputs only by way of other linear ones."""
    found: list[int] = []
    for number, node in enumerate(nodes):
        if node.operator.is_linear and all(isinstance(s, str) or s in found for s in node.inputs):
            assert len(node.inputs) == 1
            found.append(number)
    return found


def _read_by_others(
    nodes: Sequence[Node], linear: Sequence[int], output: int | str
) -> set[int | str]:
    """The linear nodes and inputs that nodes which are not linear read."""
    read = {s for n, node in enumerate(nodes) if n not in linear for s in node.inputs} | {output}
    return {source for source in read if isinstance(source, str) or source in linear}


def _taken_by(operator: Operator, change: Change) -> Any:
    """The change in a form that the operator takes."""
    if operator.takes_columns or (operator.takes_bags and isinstance(change, Bag)):
        return change
    return as_zset(change)


def _is_due(operator: Operator, time: int) -> bool:
    if operator.has_more:
        return True
    due = operator.next_time
    return due is not None and due <= time


def add_errors(into: ErrorChange, change: ErrorChange) -> None:
    """Add `change` to `into`, in place; texts whose count becomes 0 leave it."""
    for text, diff in change.items():
        total = into.get(text, 0) + diff
        if total:
            into[text] = total
        else:
            into.pop(text, None)
