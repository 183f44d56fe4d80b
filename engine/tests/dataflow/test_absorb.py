"""A change taken up in portions is the same change."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dataflow import Dataflow, Node
from engine.dataflow.operators import Compute, Distinct, Union
from engine.zset import ZSet, add

ROWS = st.tuples(st.integers(0, 3))
CHANGE = st.dictionaries(ROWS, st.sampled_from([-2, -1, 1, 2]), max_size=4)
CHANGES = st.fixed_dictionaries({}, optional={"a": CHANGE, "b": CHANGE})


def halved(rows: ZSet) -> tuple[ZSet, dict[str, int]]:
    """Halves each number; 3 cannot be halved."""
    output: ZSet = {}
    for (value,), weight in rows.items():
        if value != 3:
            add(output, {(value // 2,): weight})
    failed = rows.get((3,), 0)
    return output, {"three": failed} if failed else {}


def flow(shape: int) -> Dataflow:
    compute, again = Node(Compute(halved), ("a",)), Node(Compute(halved), (0,))
    return [
        Dataflow([compute], 0),
        Dataflow([compute, again, Node(Distinct(), (1,))], 2),
        Dataflow([compute, again, Node(Union(), (0, 1, "a", "b"))], 2),
        Dataflow([Node(Distinct(), ("a",)), Node(Compute(halved), (0,))], 1),
        Dataflow([], "a"),
    ][shape]


@given(st.integers(0, 4), st.lists(st.lists(CHANGES, max_size=4), max_size=4))
@settings(max_examples=150, deadline=None)
def test_slices_and_whole_changes_have_the_same_result(
    shape: int, steps: list[list[dict[str, ZSet]]]
) -> None:
    portions, whole = flow(shape), flow(shape)
    for time, parts in enumerate(steps):
        total: dict[str, ZSet] = {}
        for part in parts:
            for id, change in part.items():
                add(total.setdefault(id, {}), change)
        for part in parts[:-1]:
            portions.absorb(part)
        last = parts[-1] if parts else {}
        assert portions.step(time, last) == whole.step(time, total)
        assert portions.rows_absorbed == 0
        assert portions.errors == whole.errors


def test_absorbed_changes_are_summed() -> None:
    counted = flow(0)
    for _ in range(5):
        counted.absorb({"a": {(0,): 1, (1,): 1, (3,): 1}})
    assert counted.rows_absorbed == 1
    assert counted.step(1, {}) == {(0,): 10}
    assert counted.errors == {"three": 5}


def test_a_change_that_was_passed_is_not_modified() -> None:
    change = {(1,): 1}
    plain = flow(4)
    plain.absorb({"a": change})
    plain.absorb({"a": change})
    assert change == {(1,): 1}
    assert plain.step(1, {}) == {(1,): 2}
