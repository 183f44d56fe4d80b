"""The generated functions: laziness, sharing, batches, errors, parameters, and deep nesting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlglot import exp

from engine import code
from engine.errors import SqlError
from engine.scalar import (
    Evaluation,
    Scalar,
    compile_batch,
    compile_rows,
    compile_scalar,
    compile_value,
)
from engine.scalar.nodes import Call
from engine.scalar.registry import Function
from engine.tests.scalar.evaluate import ENVIRONMENT, parse, scalar, scalars, scope, value
from engine.types import INT4, INT8, NUMERIC, TEXT, TIMESTAMPTZ, UNKNOWN

COLUMNS = {"a": INT4, "b": INT4, "s": TEXT}


class Counter:
    """A function for SQL that counts its calls and fails for -1."""

    def __init__(self) -> None:
        self.calls = 0
        self.function = Function("counted", (INT4,), INT4, self._call, can_fail=True)

    def _call(self, number: int) -> int:
        self.calls += 1
        if number == -1:
            raise SqlError("counted failed")
        return number

    def over(self, inner: Scalar) -> Scalar:
        return Scalar(Call(INT4, self.function, (inner.node,)))


def test_equal_parts_are_computed_once() -> None:
    counter = Counter()
    counted = counter.over(scalar("a + 1", COLUMNS))
    twice = scalar("a + b", {"a": INT4, "b": INT4}).over({0: counted, 1: counted})
    assert compile_rows([counted, twice], twice_is_positive(twice))((4, 0, "")) == (5, 10)
    assert counter.calls == 1


def test_what_is_random_is_computed_each_time() -> None:
    function = compile_rows(scalars("random() * 2, random() * 2, random()"))
    assert len({value for _ in range(5) for value in function(()) or ()}) == 15


def twice_is_positive(inner: Scalar) -> Scalar:
    return scalar("a > 0", {"a": INT4}).over({0: inner})


@pytest.mark.parametrize(
    ("sql", "row", "expected"),
    [
        ("CASE WHEN a = 0 THEN 0 ELSE b / a END", (0, 1, ""), 0),
        ("CASE WHEN a = 0 THEN 0 WHEN b / a > 1 THEN 1 ELSE 2 END", (0, 1, ""), 0),
        ("coalesce(a, 1 / b)", (5, 0, ""), 5),
        ("a <> 0 AND b / a > 1", (0, 1, ""), False),
        ("b / a > 1 AND a <> 0", (0, 1, ""), False),
        ("a = 0 OR b / a > 1", (0, 1, ""), True),
        ("nullif(a, 0) / 1", (0, 1, ""), None),
        ("b / nullif(a, 0)", (0, 1, ""), None),
    ],
)
def test_what_sql_would_not_evaluate_is_not_evaluated(
    sql: str, row: tuple[Any, ...], expected: Any
) -> None:
    assert value(sql, COLUMNS, row) == expected


def test_a_part_computed_in_a_branch_is_computed_again_outside_of_it() -> None:
    counter = Counter()
    counted = counter.over(scalar("b", COLUMNS))
    names = {"a": INT4, "b": INT4, "s": TEXT, "c": INT4}
    places = {0: scalar("a", COLUMNS), 1: scalar("b", COLUMNS), 3: counted}
    branch = scalar("CASE WHEN a > 0 THEN c ELSE 7 END", names).over(places)
    function = compile_rows([branch, counted])
    assert function((0, 3, "")) == (7, 3)
    assert function((1, 3, "")) == (3, 3)
    only_branch = compile_rows([branch])
    counter.calls = 0
    assert only_branch((0, -1, "")) == (7,)
    assert counter.calls == 0


def test_a_batch_is_consolidated() -> None:
    function = compile_batch(scalars("a % 2", COLUMNS))
    rows = {(1, 0, "x"): 2, (3, 0, "y"): 3, (2, 0, "z"): 5, (4, 0, "z"): -5}
    assert function(rows) == ({(1,): 5}, {})
    assert function({}) == ({}, {})


def test_rows_that_fail_are_counted_with_their_weight() -> None:
    function = compile_batch(scalars("10 / a, s::int", COLUMNS), scalar("b > 0", COLUMNS))
    rows = {
        (0, 1, "1"): 2,
        (0, 1, "2"): -2,
        (0, 1, "3"): 1,
        (0, 0, "filtered"): 9,
        (5, 1, "x"): 3,
        (5, 1, "6"): 1,
    }
    bad = 'invalid input syntax for type integer: invalid digit found in string: "x"'
    assert function(rows) == ({(2, 6): 1}, {"division by zero": 1, bad: 3})


def test_a_fault_of_a_function_costs_its_row_only_and_shows() -> None:
    def broken(number: int) -> int:
        return 1 // number

    function = Function("broken", (INT4,), INT4, broken, can_fail=True)
    call = Scalar(Call(INT4, function, (scalar("a", COLUMNS).node,)))
    rows, errors = compile_batch([call])({(0, 1, ""): 1, (1, 1, ""): 1})
    assert rows == {(1,): 1}
    assert list(errors) == ["internal error: ZeroDivisionError: integer division or modulo by zero"]


def test_row_functions_raise() -> None:
    with pytest.raises(SqlError, match="division by zero"):
        compile_rows(scalars("1 / a", COLUMNS))((0, 0, ""))
    assert compile_value(scalar("1 / a", COLUMNS))((1, 0, "")) == 1


def test_no_columns_at_all() -> None:
    assert compile_rows([])((1,)) == ()
    assert compile_batch([])({(1,): 1, (2,): 2}) == ({(): 3}, {})
    assert compile_batch(scalars("1, 'x', NULL"))({(1,): 1}) == ({(1, "x", None): 1}, {})


def test_a_coalesce_of_hundreds_of_operands() -> None:
    operands = ", ".join(f"nullif(a, {n})" for n in [5] * 300)
    function = compile_rows(scalars(f"coalesce({operands}, b)", COLUMNS))
    assert function((5, 8, "")) == (8,)
    assert function((6, 8, "")) == (6,)


def test_a_case_of_hundreds_of_branches() -> None:
    branches = " ".join(f"WHEN a = {n} THEN {n * 2}" for n in range(500))
    function = compile_rows(scalars(f"CASE {branches} ELSE -1 END", COLUMNS))
    for number in (0, 30, 50, 499):
        assert function((number, 0, "")) == (2 * number,)
    assert function((500, 0, "")) == (-1,)


def test_an_expression_nested_in_many_branches() -> None:
    sql = "a"
    for n in range(12):
        sql = f"CASE WHEN b = {n} THEN {n} ELSE coalesce({sql}, {n}) END"
    function = compile_rows(scalars(sql, COLUMNS))
    assert function((7, 1000, "")) == (7,)
    assert function((7, 3, "")) == (3,)


def test_a_chain_of_hundreds_of_conditions() -> None:
    sql = " OR ".join(f"a = {n} AND b <> {n}" for n in range(1, 300))
    function = compile_rows(scalars(sql, COLUMNS))
    assert function((299, 0, "")) == (True,)
    assert function((299, 299, "")) == (False,)
    assert function((299, None, "")) == (None,)
    assert function((None, 0, "")) == (None,)


@pytest.mark.parametrize("length", [100, 600])
def test_a_long_chain_of_operators(length: int) -> None:
    tree = parse("a")[0]
    for _ in range(length):
        tree = exp.Add(this=tree, expression=exp.Column(this=exp.to_identifier("b")))
    compiled = compile_scalar(tree, scope(COLUMNS))
    assert compile_rows([compiled])((1, 2, "")) == (1 + 2 * length,)
    assert compile_batch([compiled])({(1, 2, ""): 3}) == ({(1 + 2 * length,): 3}, {})
    assert compile_value(compiled)((0, 1, "")) == length


def test_nesting_beyond_all_bounds_is_refused() -> None:
    tree = parse("a")[0]
    for _ in range(20_000):
        tree = exp.BitwiseNot(this=tree)
    with pytest.raises(SqlError, match="nested too deeply"):
        compile_scalar(tree, scope(COLUMNS))


def test_parameters_take_the_type_that_their_place_suggests() -> None:
    names = scope(COLUMNS)
    (tree,) = parse("a = $1 AND s LIKE $2 AND $3::numeric > 1 AND $4 IS NULL")
    compiled = compile_scalar(tree, names)
    assert names.parameters == {1: INT4, 2: TEXT, 3: NUMERIC, 4: UNKNOWN}
    assert compiled.parameters == {1, 2, 3, 4}

    def run(*parameters: Any) -> Any:
        evaluation = Evaluation(ENVIRONMENT, 0, parameters)
        return compile_value(compiled, evaluation)((5, 0, "abc"))

    assert run(5, "a%", Decimal(2), None) is True
    assert run(6, "a%", Decimal(2), None) is False
    assert run(None, "a%", Decimal(2), None) is None
    with pytest.raises(SqlError, match=r"there is no parameter \$4"):
        run(5, "a%", Decimal(2))


def test_declared_parameters_keep_their_type() -> None:
    names = scope(COLUMNS)
    names.parameters[1] = INT8
    assert compile_scalar(parse("$1")[0], names).type is INT8


def test_what_an_expression_reads() -> None:
    compiled = scalar("a + length(s) + extract(epoch FROM now())", COLUMNS)
    assert compiled.columns == {0, 2}
    assert compiled.session_functions == {"now"}
    assert not compiled.is_constant
    assert compiled.can_fail
    assert scalar("a", COLUMNS).column_index == 0
    assert scalar("'x'").value == "x"
    assert scalar("now()").type is TIMESTAMPTZ
    assert not scalar("s || 'x'", COLUMNS).can_fail
    assert scalar("s || 'x'", COLUMNS).nullable
    assert not scalar("s IS NULL", COLUMNS).nullable


def test_expressions_are_values() -> None:
    assert scalar("a + 1", COLUMNS) == scalar("a + 1", COLUMNS)
    assert scalar("a + 1", COLUMNS) != scalar("a + 2", COLUMNS)
    assert scalar("1") != scalar("true")
    moved = scalar("a + b", COLUMNS).moved({0: 5, 1: 7})
    assert moved.columns == {5, 7}


def test_equal_sources_are_compiled_once() -> None:
    before = code._compile.cache_info().hits
    for _ in range(2):
        compile_rows(scalars("a + b + 4711", COLUMNS))
    assert code._compile.cache_info().hits > before


LONG = "9" * 5000
"""More digits than Python converts to an integer."""


@pytest.mark.parametrize(
    "sql",
    [
        f"1::varchar({LONG})",
        f"1::numeric({LONG}, 2)",
        f"${LONG}",
        f"'{LONG}'::int",
        f"('[{LONG}]'::jsonb -> 0)::int8",
        f"interval '{LONG} days'",
        f"interval '1' second({LONG})",
        f"format('%{LONG}$s', 'x')",
        f"'1e{LONG}'::numeric",
        f"timestamp '{LONG}-01-01'",
        "'a' LIKE repeat('%a', 5000)",
    ],
)
def test_numbers_of_any_length_are_refused_in_words(sql: str) -> None:
    with pytest.raises(SqlError):
        value(sql)


def test_numbers_of_any_length_that_may_be_cut_are_cut() -> None:
    assert len(value(f"format('%{LONG}s', 'x')")) == 10_000
    assert value("('1e-100000000'::jsonb)::bigint") == 0
    assert value(f"'[1]'::jsonb -> {LONG}") is None
    assert value(f"'[1]'::jsonb -> -{LONG}") is None
