from typing import Any

from hypothesis import given, settings

from engine.dataflow.operators import AggregateCall, Reduce
from engine.dataflow.operators.reduce import Aggregate, CountRows
from engine.errors import SqlError
from engine.tests.dataflow.support import check, errors_of, histories
from engine.zset import Row, Value, ZSet


class Total(Aggregate):
    """A sum that fails above 5."""

    def start(self) -> int:
        return 0

    def update(self, state: int, value: Value, weight: int) -> int:
        return state + (value or 0) * weight

    def result(self, state: int) -> int:
        if state > 5:
            raise SqlError("more than 5")
        return state

    def size(self, state: Any) -> int:
        return 1


def make(*, single: bool = False, total: bool = True) -> Reduce:
    calls = [AggregateCall(CountRows(), lambda row: None)]
    if total:
        calls.append(AggregateCall(Total(), lambda row: row[0]))
        calls.append(AggregateCall(CountRows(), lambda row: None, lambda row: row[0] == 1))
    return Reduce((lambda row: ()) if single else (lambda row: row[1:]), calls, single=single)


def grouped(rows: ZSet) -> ZSet:
    groups: dict[Row, list[int]] = {}
    for row, weight in rows.items():
        group = groups.setdefault(row[1:], [0, 0, 0])
        group[0] += weight
        group[1] += (row[0] or 0) * weight
        group[2] += weight if row[0] == 1 else 0
    return {(*key, *group): 1 for key, group in groups.items() if group[1] <= 5}


@given(histories())
@settings(max_examples=80, deadline=None)
def test_a_row_for_each_group(steps: list[list[ZSet]]) -> None:
    check(make, grouped, steps)


@given(histories())
@settings(max_examples=30, deadline=None)
def test_one_group_exists_even_without_rows(steps: list[list[ZSet]]) -> None:
    def counted(rows: ZSet) -> ZSet:
        return {(sum(rows.values()),): 1}

    check(lambda: make(single=True, total=False), counted, steps)


def test_a_group_whose_result_fails_is_an_error_and_comes_back() -> None:
    operator = make()
    assert errors_of(operator, {(3, "a"): 2}) == {"more than 5": 1}
    assert errors_of(operator, {(3, "a"): 1}) == {}
    errors: dict[str, int] = {}
    assert operator.step(1, [{(3, "a"): -2}], errors) == {("a", 1, 3, 0): 1}
    assert errors == {"more than 5": -1}


def test_the_key_may_be_the_whole_row() -> None:
    operator = Reduce(None, [AggregateCall(CountRows(), lambda row: None)])
    assert operator.step(0, [{(1, "a"): 3}], {}) == {(1, "a", 3): 1}
    assert operator.step(1, [{(1, "a"): -3}], {}) == {(1, "a", 3): -1}


def test_memory_depends_on_the_groups() -> None:
    operator = make()
    operator.step(0, [{(1, "a"): 1, (2, "a"): 1, (1, "b"): 1}], {})
    assert operator.rows_kept == 2 + 2
    operator.step(1, [{(1, "a"): -1, (2, "a"): -1}], {})
    assert operator.rows_kept == 1 + 1
