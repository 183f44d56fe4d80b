"""Every signature with random arguments: it gives a value of its type, or an SqlError if it may."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.scalar
from engine.errors import SqlError
from engine.scalar.casts import CASTS
from engine.scalar.functions.text import MAX_LENGTH
from engine.scalar.registry import FUNCTIONS, Function
from engine.tests.types.values import VALUES
from engine.types import TEXT, SqlType, array_of

SIGNATURES = [
    pytest.param(function, id=f"{name}({','.join(t.name for t in function.arguments)})")
    for name, functions in sorted(FUNCTIONS.items())
    for function in functions
]
CAST_SIGNATURES = [
    pytest.param(cast.function, id=f"{source.name}->{target.name}")
    for (source, target), cast in CASTS.items()
]
SMALL = st.integers(-3, 40)
"""For counts and lengths, which would otherwise only ask for gigabytes."""


def values_of(type_: SqlType, name: str) -> st.SearchStrategy[Any]:
    if type_.category == "S" or type_.name == "unknown":
        words = [
            "hour",
            "month",
            "UTC",
            "+05",
            "hex",
            "a",
            "%a_",
            "(a|b)*",
            "{",
            "YYYY-MM",
            "1",
            "",
        ]
        return st.sampled_from(words) | VALUES[TEXT]
    if type_.name == "int4" and name in ("repeat", "lpad", "rpad"):
        return SMALL | st.sampled_from([MAX_LENGTH + 1, 2**31 - 1])
    if type_.name in ("int2", "int4", "int8"):
        return SMALL | VALUES[type_]
    if type_ in VALUES:
        return VALUES[type_]
    if type_.category == "A":
        return st.lists(st.none() | values_of(type_.element, name), max_size=3).map(tuple)  # type: ignore[attr-defined]
    return st.integers(0, 2**32 - 1)


def check_value(function: Function, value: Any) -> None:
    """`value` is one that the type could have read from text, and hashes and prints like it."""
    type_ = function.returns
    if value is None:
        assert function.gives_null
        return
    text = type_.to_text(value)
    if type_.name in ("text", "varchar", "bpchar", "name", "regtype"):
        return
    again = type_.from_text(text)
    assert again == value or again is value, (value, text)
    assert hash(again) == hash(value)
    assert type(again) is type(value)
    if value == 0 and isinstance(value, float):
        assert str(value) == "0.0"


def run(function: Function, examples: int) -> None:
    strategies = st.tuples(*(values_of(type_, function.name) for type_ in function.arguments))

    @given(strategies)
    @settings(max_examples=examples, deadline=None)
    def check(arguments: tuple[Any, ...]) -> None:
        try:
            value = function.python(*arguments)
        except SqlError as error:
            assert function.can_fail, f"{function.name} must not fail: {error}"
            assert error.code != "XX000"
        else:
            check_value(function, value)

    check()


@pytest.mark.parametrize("function", SIGNATURES)
def test_function(function: Function) -> None:
    run(function, 10)


@pytest.mark.parametrize("function", CAST_SIGNATURES)
def test_cast(function: Function) -> None:
    run(function, 10)


def test_the_registry_is_full() -> None:
    assert len(SIGNATURES) > 400
    assert engine.scalar.__all__
    assert array_of(TEXT).element is TEXT
