"""A dataflow: operators on Z-sets, wired in the order in which changes flow through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.zset import ZSet

ErrorChange: TypeAlias = dict[str, int]
"""Error text -> by how many rows more (fewer, if negative) it is why they were left out."""


class Operator:
    """Takes the change of each of its inputs at a time, returns the change of its output.

    Steps come in ascending order of time; one time may come in several steps, each with more of
    that time's change. The change is exact: fed the sum of two changes, an operator returns the
    sum of what it would have returned for the one and then the other.
    """

    @property
    def rows_kept(self) -> int:
        """How many rows (or groups) the operator remembers."""
        return 0

    @property
    def next_time(self) -> int | None:
        """The next time at which the output changes although no input does, or None."""
        return None

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        """The change of the output.

        The arguments in `changes` must not be altered, but may be returned; what is returned is
        not altered later. `errors` takes the change of what could not be evaluated.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Node:
    """An operator of a dataflow; `inputs` are numbers of earlier nodes, or names of inputs."""

    operator: Operator
    inputs: tuple[int | str, ...]


class Dataflow:
    """A query that is running.

    `step` is called with ascending times and the change of each input relation at that time (all
    that it holds, the first time), and returns the change of the result. One time may come in
    several steps, when its change is too large for one: large contents are fed in slices. What it
    takes and returns belongs to whoever made it: neither side changes it afterwards.
    """

    def __init__(self, nodes: Sequence[Node], output: int | str) -> None:
        self._nodes = tuple(nodes)
        self._output = output
        self._started = False
        self.errors: ErrorChange = {}
        """Changes of error counts since the caller last cleared this (`errors.clear()`)."""

    def step(self, time: int, changes: Mapping[str, ZSet]) -> ZSet:
        """The change of the result at `time`; inputs that are not in `changes` did not change."""
        results: list[ZSet] = []
        errors: ErrorChange = {}
        for node in self._nodes:
            arguments = [
                results[source] if isinstance(source, int) else changes.get(source, {})
                for source in node.inputs
            ]
            if not self._started or any(arguments) or _is_due(node.operator, time):
                results.append(node.operator.step(time, arguments, errors))
            else:
                results.append({})
        self._started = True
        if errors:
            add_errors(self.errors, errors)
        output = self._output
        return results[output] if isinstance(output, int) else changes.get(output, {})

    @property
    def next_time(self) -> int | None:
        """The next time at which rows come or go by themselves (by a temporal filter), or None.

        The caller must `step` at exactly that time, even if no input has changed.
        """
        times = [time for node in self._nodes if (time := node.operator.next_time) is not None]
        return min(times, default=None)

    @property
    def rows_kept(self) -> int:
        """How many rows all operators together remember."""
        return sum(node.operator.rows_kept for node in self._nodes)


def _is_due(operator: Operator, time: int) -> bool:
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
