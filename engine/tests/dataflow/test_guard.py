from engine.dataflow.operators import Guard
from engine.tests.dataflow.support import errors_of
from engine.zset import Row


def problem(row: Row) -> str | None:
    return "too many" if row[0] > 1 else None


def test_rows_pass_unless_there_is_a_problem() -> None:
    operator = Guard(problem)
    assert operator.step(0, [{(1, "a"): 2, (2, "b"): 1}], {}) == {(1, "a"): 2}
    assert errors_of(operator, {(2, "b"): 3, (3, "b"): -1}) == {"too many": 2}
