from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dataflow.operators import Temporal
from engine.dataflow.operators.temporal import Interval
from engine.errors import SqlError
from engine.tests.dataflow.support import errors_of
from engine.zset import Row, ZSet, add

BOUND = st.one_of(st.none(), st.integers(0, 12))
CHANGES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.dictionaries(st.tuples(BOUND, BOUND), st.integers(-2, 2).filter(bool), max_size=3),
    ),
    max_size=6,
)


def interval(row: Row) -> Interval | None:
    return row[0], row[1]


def holds(row: Row, time: int) -> bool:
    return (row[0] is None or row[0] <= time) and (row[1] is None or time < row[1])


@given(CHANGES)
@settings(max_examples=150, deadline=None)
def test_rows_are_in_the_output_from_lower_to_below_upper(changes: list[tuple[int, ZSet]]) -> None:
    """Stepped at its own times and those of the changes, it is exact at every time."""
    operator = Temporal(interval)
    contents: ZSet = {}
    output: ZSet = {}
    time = 0
    pending = list(changes)
    due = pending[0][0] if pending else None
    while time < 20:
        change: ZSet = {}
        if pending and due == time:
            change = pending.pop(0)[1]
            due = time + pending[0][0] if pending else None
        if change or operator.next_time == time:
            add(contents, change)
            given_change = operator.step(time, [change], {})
            assert 0 not in given_change.values()
            add(output, given_change)
        assert operator.next_time is None or operator.next_time > time
        assert output == {row: weight for row, weight in contents.items() if holds(row, time)}
        time += 1
    assert operator.next_time is None


def test_a_removed_row_leaves_the_schedule() -> None:
    operator = Temporal(interval)
    operator.step(1, [{(5, 9): 1, (0, 7): 1}], {})
    assert (operator.next_time, operator.rows_kept) == (5, 3)
    assert operator.step(2, [{(5, 9): -1}], {}) == {}
    assert (operator.next_time, operator.rows_kept) == (7, 1)
    assert operator.step(3, [{(0, 7): -1}], {}) == {(0, 7): -1}
    assert (operator.next_time, operator.rows_kept) == (None, 0)


def test_a_late_step_catches_up() -> None:
    operator = Temporal(interval)
    operator.step(1, [{(3, 5): 1, (4, 20): 1}], {})
    assert operator.step(10, [{}], {}) == {(4, 20): 1}


def test_a_bound_that_fails_is_an_error() -> None:
    def failing(row: Row) -> Interval:
        raise SqlError("no bound")

    assert errors_of(Temporal(failing), {(1,): 2}) == {"no bound": 2}
