"""Runs an operator against its formula: whatever the changes, the outputs sum up to it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from engine.dataflow import ErrorChange, Operator
from engine.zset import ZSet, add

ROWS = st.tuples(
    st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.sampled_from("abc"))
)

Formula = Callable[..., ZSet]


@st.composite
def histories(draw: st.DrawFn, inputs: int = 1) -> list[list[ZSet]]:
    """Steps of one change for each input; no row is ever there less than 0 times."""
    contents: list[ZSet] = [{} for _ in range(inputs)]
    steps: list[list[ZSet]] = []
    for _ in range(draw(st.integers(1, 6))):
        step: list[ZSet] = []
        for content in contents:
            change: ZSet = {}
            for row in draw(st.lists(ROWS, max_size=4, unique=True)):
                weight = draw(st.integers(-content.get(row, 0), 2))
                if weight:
                    change[row] = weight
            add(content, change)
            step.append(change)
        steps.append(step)
    return steps


def check(make: Callable[[], Operator], formula: Formula, steps: list[list[ZSet]]) -> None:
    """After every step the outputs sum up to the formula of the inputs' sums.

    The same must come of all changes in one step, of each row's change in a step of its own, and
    of these while results are deferred.
    """
    operator = make()
    inputs: list[ZSet] = [{} for _ in steps[0]]
    output: ZSet = {}
    for time, changes in enumerate(steps):
        for content, change in zip(inputs, changes, strict=True):
            add(content, change)
        copies = [dict(change) for change in changes]
        given = stepped(operator, time, changes)
        assert 0 not in given.values()
        assert changes == copies, "an operator altered its input"
        add(output, given)
        assert output == formula(*inputs)
    assert _stepped(make(), [inputs]) == output
    single = [
        [{row: sign} if at == number else {} for at in range(len(inputs))]
        for changes in steps
        for number, change in enumerate(changes)
        for sign in (1, -1)  # first what comes, so that nothing is there less than 0 times
        for row, weight in change.items()
        for _ in range(max(weight * sign, 0))
    ]
    assert _stepped(make(), [[{} for _ in inputs], *single]) == output
    deferred = make()
    deferred.is_deferred = True
    total = _stepped(deferred, [[{} for _ in inputs], *single])
    deferred.is_deferred = False
    add(total, stepped(deferred, len(single), [{} for _ in inputs]))
    assert total == output


def _stepped(operator: Operator, steps: list[list[ZSet]]) -> ZSet:
    output: ZSet = {}
    for time, changes in enumerate(steps):
        add(output, stepped(operator, time, changes))
    return output


def stepped(operator: Operator, time: int, changes: list[ZSet]) -> ZSet:
    """The whole output of a step, which may come in slices."""
    output = dict(operator.step(time, changes, {}))
    while operator.has_more:
        add(output, operator.step(time, [{} for _ in changes], {}))
    return output


def errors_of(operator: Operator, *changes: ZSet) -> ErrorChange:
    """The errors that one step gives."""
    errors: ErrorChange = {}
    operator.step(0, changes, errors)
    return errors
