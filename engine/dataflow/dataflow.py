"""A dataflow: operators on Z-sets, wired in the order in which changes flow through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.zset import Row, ZSet, add

ErrorChange = dict[str, int]
"""Error text -> by how many rows more (or fewer, if negative) it is the reason for being left out.
"""

Emit = Callable[[ZSet], ZSet]


class Operator(Protocol):
    """Takes the change of each of its inputs at a time, returns the change of its output.

    It is called in ascending order of time, also when nothing changed, and may be called several
    times for one time: then each call brings more of that time's change.
    """

    @property
    def rows_kept(self) -> int:
        """How many rows (or groups) the operator remembers."""

    @property
    def next_time(self) -> int | None:
        """The next time at which the output changes with no change of an input."""

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        """The output's change; the argument dicts are not to be changed, but may be returned.

        `errors` takes the changes of what could not be evaluated.
        """


@dataclass(frozen=True)
class Node:
    """An operator of a dataflow; `inputs` are numbers of earlier nodes, or names of inputs."""

    operator: Operator
    inputs: tuple[int | str, ...]


class Dataflow:
    """A query that is running.

    `step` is called with ascending times and the change of each input relation at that time (all
    that it holds, the first time), and returns the change of the result. One time may come in
    several steps, when its change is too large for one: large contents are fed in slices. What it takes
    and returns belongs to whoever made it: neither side changes it afterwards.
    """

    def __init__(self, nodes: Sequence[Node], output: int | str) -> None:
        self._nodes = tuple(nodes)
        self._output = output
        self.errors: ErrorChange = {}
        """Changes of error counts since the caller last cleared this (`errors.clear()`)."""

    def step(self, time: int, changes: Mapping[str, ZSet]) -> ZSet:
        """The change of the result at `time`; inputs that are not in `changes` did not change."""
        results: list[ZSet] = []
        errors: ErrorChange = {}

        def change_of(source: int | str) -> ZSet:
            return results[source] if isinstance(source, int) else changes.get(source, {})

        for node in self._nodes:
            arguments = [change_of(source) for source in node.inputs]
            results.append(node.operator.step(time, arguments, errors))
        _add_errors(self.errors, errors)
        return change_of(self._output)

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


def _add_errors(into: ErrorChange, change: ErrorChange) -> None:
    for text, diff in change.items():
        total = into.get(text, 0) + diff
        if total:
            into[text] = total
        else:
            into.pop(text, None)


__all__ = ["Dataflow", "ErrorChange", "Node", "Operator", "Row", "add"]
