"""jsonb: what is refused, what numbers mean, how deep it goes, and which values are equal."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.types import JSONB, Jsonb
from engine.types.jsonb import MAX_DEPTH, decode

INVALID = [
    *("", " ", "nul", "tru", "NaN", "Infinity", "-Infinity", "'a'", "a", "\ufeff1", "\x0b1"),
    *("01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_000", "--1", "1 2"),
    *("{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "{,}", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}"),
    *('{"a" 1}', "{1:2}", '{"a":1]', "[1}", '{"a":1}x', "[] []", "/**/1", "[1]//"),
    *('"', '"a', '"\\"', '"\\x"', '"\\u12"', '"\\u00zz"', '"\x01"', '"\t"', '"\n"', '{"\x01":1}'),
    *(
        '"\\ud800"',
        '"\\ud800x"',
        '"\\ud800\\n"',
        '"\\ud800\\u0041"',
        '"\\udc00"',
        '"\\udc00\\ud800"',
    ),
]
"""Texts that are not JSON, each also inside of values that a decoder of fields skips."""


class OneField(msgspec.Struct):
    a: Any = None


@pytest.mark.parametrize("text", INVALID)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(SqlError, match="invalid input syntax for type jsonb") as raised:
        JSONB.from_text(text)
    assert raised.value.code == "22P02"


@pytest.mark.parametrize(
    "wrap", ['{{"b":{}}}', '{{"b":[{{"c":{}}}],"a":1}}', '{{"a":1,"b":{},"a":2}}']
)
@pytest.mark.parametrize("text", [text for text in INVALID if text.strip()])
def test_the_decoder_of_fields_refuses_it_in_what_it_skips(wrap: str, text: str) -> None:
    document = wrap.format(text)
    with pytest.raises(SqlError):
        JSONB.from_text(document)
    with pytest.raises((msgspec.DecodeError, UnicodeEncodeError)):
        msgspec.json.Decoder(OneField).decode(document)


def test_lone_surrogates_that_are_no_escapes_are_refused() -> None:
    for text in ('"\ud800"', '{"\udc00":1}'):
        with pytest.raises(SqlError, match="invalid input syntax for type jsonb"):
            JSONB.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *("1e400", "-1e400", "1e-400", "1e999999999999", "1e99999999999999999999999"),
        *("1" * 5000, "-" + "9" * 4301, "0." + "3" * 5000, "1" * 5000 + ".5e-7"),
    ],
)
def test_numbers_of_any_size_are_json(text: str) -> None:
    """So what a decoder of fields skips could not have failed; a cast of it fails."""
    value = JSONB.from_text(text)
    assert JSONB.from_text(JSONB.to_text(value)) == value
    assert JSONB.from_text(f'{{"b":[{text}]}}').text == f'{{"b":[{value.text}]}}'
    msgspec.json.Decoder(OneField).decode(f'{{"b":{text}}}')


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0"),
        ("100", "1e2"),
        ("1.5", "15e-1"),
        ("0", "-0.0"),
        ("0", "0e999999999999999999999"),
        ("1e-7", "0.0000001"),
        ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":1}', '{"\\u0061":1}'),
        ('"\\u00e9\\/"', '"é/"'),
        ('"\\ud83d\\ude00"', '"😀"'),
    ],
)
def test_equal_documents(left: str, right: str) -> None:
    a, b = JSONB.from_text(left), JSONB.from_text(right)
    assert a == b
    assert hash(a) == hash(b)
    assert a.text == b.text


@pytest.mark.parametrize(
    ("left", "right"),
    [("1", "true"), ("0", "false"), ('"1"', "1"), ("null", '"null"'), ("[1,2]", "[2,1]")],
)
def test_different_documents(left: str, right: str) -> None:
    assert JSONB.from_text(left) != JSONB.from_text(right)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
        max_leaves=20,
    ),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_the_standard_library_writes_is_read_and_written_again(
    document: Any, ascii_only: bool
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=1)
    value = JSONB.from_text(text)
    assert json.loads(value.text, parse_int=float) == json.loads(text, parse_int=float)
    assert JSONB.from_text(value.text) == value


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_limited_and_crashes_nothing(opening: str, closing: str) -> None:
    inner = "1"
    deepest = opening * MAX_DEPTH + inner + closing * MAX_DEPTH
    value = JSONB.from_text(deepest)
    assert value.text == deepest
    assert JSONB.from_text(deepest) == value
    assert JSONB.sort_key(value) == JSONB.sort_key(JSONB.from_text(deepest))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(SqlError, match="nested too deeply"):
            JSONB.from_text(opening * depth + inner + closing * depth)
        with pytest.raises(SqlError):
            JSONB.from_text(opening * depth)


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    text = json.dumps(["[" * 2000, '\\"[{' * 2000])
    assert JSONB.from_text(text).value == json.loads(text)


@pytest.mark.parametrize("depth", [0, 200, 600])
def test_what_is_accepted_does_not_depend_on_how_deep_the_caller_is(depth: int) -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH

    def at_depth(remaining: int) -> Any:
        return decode(text) if remaining == 0 else at_depth(remaining - 1)

    assert Jsonb(at_depth(depth)).text == text


def test_an_error_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(SqlError) as raised:
        JSONB.from_text("x" * 100_000)
    assert len(raised.value.message) < 300
