"""Every type: value -> text -> value, value -> binary -> value, equal exactly if printed equal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.tests.types.values import VALUES
from engine.types import SCALARS, SqlType, by_name, by_oid, sort_key

settings = hypothesis_settings(max_examples=60, deadline=None)
each_type = pytest.mark.parametrize("type_", VALUES, ids=lambda type_: type_.name)


def same(left: Any, right: Any) -> bool:
    """Equal as a dictionary's keys are: identical, or equal."""
    return left is right or left == right


@each_type
def test_text_round_trip(type_: SqlType) -> None:
    @settings
    @given(VALUES[type_])
    def check(value: Any) -> None:
        text = type_.to_text(value)
        again = type_.from_text(text)
        assert same(again, value)
        assert hash(again) == hash(value)
        assert type_.to_text(again) == text

    check()


@each_type
def test_binary_round_trip(type_: SqlType) -> None:
    @settings
    @given(VALUES[type_])
    def check(value: Any) -> None:
        data = type_.to_binary(value)
        assert type_.size in (-1, len(data))
        again = type_.from_binary(data)
        assert same(again, value)
        assert hash(again) == hash(value)

    check()


@each_type
def test_values_are_equal_exactly_if_they_print_the_same(type_: SqlType) -> None:
    @settings
    @given(VALUES[type_], VALUES[type_])
    def check(left: Any, right: Any) -> None:
        assert same(left, right) == (type_.to_text(left) == type_.to_text(right))
        assert (sort_key(type_, left) == sort_key(type_, right)) == same(left, right)

    check()


@each_type
def test_sort_keys_are_a_total_order_with_nulls_last(type_: SqlType) -> None:
    @settings
    @given(st.lists(st.none() | VALUES[type_], max_size=6))
    def check(values: list[Any]) -> None:
        ordered = sorted(values, key=lambda value: sort_key(type_, value))
        keys = [sort_key(type_, value) for value in ordered]
        assert all(low <= high for low, high in pairwise(keys))
        nulls = values.count(None)
        assert ordered[len(ordered) - nulls :] == [None] * nulls

    check()


@each_type
def test_random_text_is_read_or_refused_with_an_sql_error(type_: SqlType) -> None:
    @settings
    @given(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.from_regex(r"[-+0-9:. eEdayP{}\"]+")
    )
    def check(text: str) -> None:
        try:
            value = type_.from_text(text)
        except SqlError as error:
            assert error.code[:2] in ("22", "0A"), error.code
        else:
            assert same(type_.from_text(type_.to_text(value)), value)

    check()


@each_type
def test_random_bytes_are_read_or_refused_with_an_sql_error(type_: SqlType) -> None:
    @settings
    @given(st.binary(max_size=40))
    def check(data: bytes) -> None:
        try:
            value = type_.from_binary(data)
        except SqlError as error:
            assert error.code[:2] in ("22", "0A"), error.code
        else:
            assert same(type_.from_binary(type_.to_binary(value)), value)

    check()


@pytest.mark.parametrize("type_", SCALARS, ids=lambda type_: type_.name)
def test_types_are_found_by_name_and_oid(type_: SqlType) -> None:
    assert by_oid(type_.oid) is type_
    assert by_name(type_.name) is type_
    assert by_name(type_.sql_name.upper()) is type_
    assert by_name(f"{type_.name}[]").oid == type_.array_oid


def test_unknown_types_are_named() -> None:
    with pytest.raises(SqlError, match='type "nosuch" does not exist'):
        by_name("nosuch")
    with pytest.raises(SqlError, match="type with oid 4711 does not exist"):
        by_oid(4711)
