"""Aggregates add and remove rows exactly, in any order."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.query.aggregates.collect import Ordered
from engine.query.aggregates.factory import aggregate_call
from engine.query.plan import AggregateSpec, SortKey
from engine.types import BOOL, FLOAT8, INT4, INT8, INTERVAL, NUMERIC, TEXT, Interval, SqlType
from engine.types.numbers import fold
from engine.types.numeric import normalise

FLOATS = st.floats(width=64).map(fold)
NUMERICS = st.decimals(
    min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=6, allow_nan=False
).map(normalise)
VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    INT4: st.integers(-(2**31), 2**31 - 1),
    INT8: st.integers(-(2**63), 2**63 - 1),
    FLOAT8: FLOATS,
    NUMERIC: NUMERICS,
    TEXT: st.text(max_size=3),
    BOOL: st.booleans(),
    INTERVAL: st.builds(
        Interval, st.integers(-99, 99), st.integers(-99, 99), st.integers(-(10**12), 10**12)
    ),
}
CALLS = [
    ("count", INT4, INT8),
    ("sum", INT4, INT8),
    ("sum", INT8, NUMERIC),
    ("sum", FLOAT8, FLOAT8),
    ("sum", NUMERIC, NUMERIC),
    ("sum", INTERVAL, INTERVAL),
    ("avg", INT8, NUMERIC),
    ("avg", FLOAT8, FLOAT8),
    ("avg", INTERVAL, INTERVAL),
    ("stddev", FLOAT8, FLOAT8),
    ("var_pop", INT4, NUMERIC),
    ("variance", NUMERIC, NUMERIC),
    ("min", FLOAT8, FLOAT8),
    ("max", TEXT, TEXT),
    ("max", INTERVAL, INTERVAL),
    ("bool_and", BOOL, BOOL),
    ("bool_or", BOOL, BOOL),
    ("array_agg", TEXT, TEXT),
]


def run(spec: AggregateSpec, types: tuple[SqlType, ...], rows: list[tuple[Any, int]]) -> Any:
    call = aggregate_call(spec, types)
    state = call.aggregate.start()
    for row, weight in rows:
        state = call.aggregate.update(state, call.argument(row), weight)
    try:
        return call.aggregate.result(state)
    except SqlError as error:
        return error.message


def one(function: str, type_: SqlType, result: SqlType, values: list[Any]) -> Any:
    spec = AggregateSpec(function, (0,), result)
    return run(spec, (type_,), [((value,), 1) for value in values])


def same(found: Any, expected: Any) -> bool:
    return found == expected or (found != found and expected != expected)


@pytest.mark.parametrize(("function", "type_", "result"), CALLS)
@pytest.mark.parametrize("distinct", [False, True])
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_removed_values_and_the_order_do_not_matter(
    function: str, type_: SqlType, result: SqlType, distinct: bool, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[type_]), max_size=8))
    removed = data.draw(st.lists(st.one_of(st.none(), VALUES[type_]), max_size=4))
    shuffled = data.draw(st.permutations([(value, 1) for value in values + removed]))
    spec = AggregateSpec(function, (0,), result, distinct)
    direct = run(spec, (type_,), [((value,), 1) for value in values])
    with_removals = [*shuffled, *((value, -1) for value in removed)]
    assert same(run(spec, (type_,), [((v,), weight) for v, weight in with_removals]), direct)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(fold), min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_a_sum_of_floats_is_rounded_once(values: list[float]) -> None:
    exact = sum(map(Fraction, values))
    try:
        expected: Any = fold(float(exact))
    except OverflowError:
        expected = "double precision out of range"
    assert one("sum", FLOAT8, FLOAT8, values) == expected


def test_a_sum_recovers_when_infinities_are_removed() -> None:
    spec = AggregateSpec("sum", (0,), FLOAT8)
    rows: list[tuple[Any, int]] = [((1e308,), 1), ((0.1,), 1), ((math.inf,), 1)]
    assert run(spec, (FLOAT8,), rows) == math.inf
    assert math.isnan(run(spec, (FLOAT8,), [*rows, ((-math.inf,), 1)]))
    back = [((math.inf,), -1), ((1e308,), -1)]
    assert run(spec, (FLOAT8,), [*rows, *back]) == 0.1


def test_limits_of_the_result() -> None:
    spec = AggregateSpec("sum", (0,), INT8)
    most = [((2**31 - 1,), 2**32)]
    assert run(spec, (INT4,), most) == (2**31 - 1) * 2**32
    assert run(spec, (INT4,), [((2**31 - 1,), 2**33)]) == "bigint out of range"
    spec = AggregateSpec("sum", (0,), NUMERIC)
    assert run(spec, (NUMERIC,), [((Decimal(10) ** 38,), 20)]) == "numeric out of range"
    assert run(spec, (INT8,), [((2**63 - 1,), 10)]) == (2**63 - 1) * 10


def test_averages_have_39_digits() -> None:
    assert one("avg", INT8, NUMERIC, [1, 0, 0]) == Decimal("0." + "3" * 39)
    assert one("avg", NUMERIC, NUMERIC, [Decimal("0.1"), Decimal("0.2")]) == Decimal("0.15")
    assert one("avg", FLOAT8, FLOAT8, [0.1, 0.2, 0.3]) == 0.2


def test_too_few_values_are_null() -> None:
    for function in ("sum", "avg", "min", "stddev", "variance", "var_pop"):
        assert one(function, INT8, NUMERIC, [None]) is None
    assert one("stddev", FLOAT8, FLOAT8, [3.0]) is None
    assert one("stddev_pop", FLOAT8, FLOAT8, [3.0]) == 0.0
    assert one("array_agg", INT8, INT8, []) is None


def test_the_next_extreme_follows_a_removed_one() -> None:
    call = aggregate_call(AggregateSpec("max", (0,), INT8), (INT8,))
    state = call.aggregate.start()
    for number in range(1000):
        state = call.aggregate.update(state, number, 1)
    for number in reversed(range(1, 1000)):
        assert call.aggregate.result(state) == number
        state = call.aggregate.update(state, number, -1)
    assert call.aggregate.size(state) == 1


def test_order_and_separators_of_string_agg() -> None:
    spec = AggregateSpec("string_agg", (0, 1), TEXT, order=(SortKey(2, descending=True),))
    types = (TEXT, TEXT, INT4)
    rows = [(("a", "-", 1), 1), (("b", "+", 3), 2), ((None, "?", 2), 1), (("c", None, 0), 1)]
    assert run(spec, types, rows) == "b+b-ac"


@given(st.lists(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, -1, 2])), max_size=30)))
@settings(max_examples=100, deadline=None)
def test_rows_stay_in_order(portions: list[list[tuple[int, int]]]) -> None:
    """Whether a few rows are moved or all are sorted again."""
    ordered = Ordered()
    for portion in portions:
        for number, weight in portion:
            ordered.add((number, "x"), weight)
        assert ordered.in_order(lambda row: -row[0]) == sorted(ordered.weights, reverse=True)


def test_a_few_changed_rows_are_not_compared_with_all() -> None:
    computed = 0

    def key(row: tuple[int]) -> int:
        nonlocal computed
        computed += 1
        return row[0]

    ordered = Ordered()
    for number in range(0, 20_000, 2):
        ordered.add((number,), 1)
    ordered.in_order(key)
    computed = 0
    for number in (1, 2, 9_999, 30_000):
        ordered.add((number,), -1 if number == 2 else 1)
    assert ordered.in_order(key)[:3] == [(0,), (1,), (4,)]
    assert computed == 4
