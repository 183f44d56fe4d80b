"""Names of views and parts: every spelling is parsed, and each name has one spelling."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.processes import ROOT
from viewstream.names import Part, ViewName, parse_column_of_view, parse_view
from viewstream.protocol import ProtocolError

VECTORS: dict[str, Any] = msgspec.json.decode((ROOT / "tests/vectors/names.json").read_bytes())

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize("case", VECTORS["names"], ids=lambda case: case["why"])
def test_a_name_is_parsed_and_spelled(case: dict[str, Any]) -> None:
    name = parse_view(case["text"])
    assert asdict(name) == case["name"]
    assert str(name) == case["spelled"]
    assert parse_view(str(name)) == name


@pytest.mark.parametrize("text", VECTORS["malformed"])
def test_a_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"^expected a (view|part)"):
        parse_view(text)


@settings(max_examples=300, deadline=None)
@given(texts.filter(bool), st.none() | texts)
def test_any_column_and_value_survive_their_spelling(column: str, value: str | None) -> None:
    name = ViewName("s.orders", Part(column, value))
    assert parse_view(str(name)) == name


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="a[]='\", isnull:.\0\n", max_size=20))
def test_any_text_is_refused_or_has_one_spelling(text: str) -> None:
    try:
        name = parse_view(text)
    except ProtocolError:
        return
    assert parse_view(str(name)) == name


@pytest.mark.parametrize("unit", ["[a='", '["', "[a='''", "[a=b", "[", "['[\""])
def test_a_long_hostile_name_is_parsed_in_linear_time(unit: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        with pytest.raises(ProtocolError):
            parse_view("v" + unit * count)
        return time.process_time() - began

    seconds(10)
    short, long = (min(seconds(count) for _ in range(3)) for count in (1_000, 10_000))
    assert long < 40 * short + 0.01


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("orders:tenant", ("orders", "tenant")),
        ("s.orders:tenant", ("s.orders", "tenant")),
        ("a:b:c", ("a:b", "c")),
        ('orders:"a:b"', ("orders", "a:b")),
        ('orders:"the ""best"" one"', ("orders", 'the "best" one')),
    ],
)
def test_the_column_of_a_view_is_parsed(text: str, found: tuple[str, str]) -> None:
    assert parse_column_of_view(text) == found


@pytest.mark.parametrize("text", ["orders", "orders:", ":tenant", "a.b.c:d", "orders:a b", ""])
def test_a_malformed_column_of_a_view_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_column_of_view(text)
