"""Decoding only the fields that are taken gives exactly what decoding all gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.scalar import Scalar, compile_batch, compile_rows, documents
from engine.scalar.documents import FAST_ERRORS, plan
from engine.tests.scalar.evaluate import scalars
from engine.types import TEXT
from engine.types.jsonb import MAX_DEPTH

COLUMNS = {"data": TEXT}

TAKEN = """
    data::jsonb ->> 'a',
    data::jsonb -> 'a' AS a_json,
    data::jsonb -> 'b' ->> 'c',
    data::jsonb -> 'b' -> 'd' ->> 'e',
    data::jsonb -> 'f' -> 0 ->> 'a',
    data::jsonb -> 'f',
    (data::jsonb ->> 'n')::numeric,
    (data::jsonb ->> 'n')::int8,
    data::jsonb ->> 'n',
    data::jsonb ->> 'é'
"""
WHOLE = "data::jsonb AS whole"
"""Beside this, all of the document is decoded for everything."""


def decoders(compiled: list[Scalar]) -> int:
    """How many documents of the expressions are decoded into structs."""
    return len(plan(scalar.node for scalar in compiled))


def outcome(function: Any, text: str) -> Any:
    try:
        return function((text,))
    except SqlError as error:
        return error.message


def assert_same(text: str, taken: str = TAKEN) -> None:
    fields = scalars(taken, COLUMNS)
    both = scalars(f"{taken}, {WHOLE}", COLUMNS)
    assert (decoders(fields), decoders(both)) == (1, 0)
    few, all_ = (compile_rows(compiled) for compiled in (fields, both))
    some, everything = outcome(few, text), outcome(all_, text)
    if isinstance(everything, tuple):
        everything = everything[:-1]
    assert some == everything
    # The batch function begins with the fast decoder, the row function uses the slow one.
    rows, errors = compile_batch(fields)({(text,): 3})
    if isinstance(some, str):
        assert (rows, errors) == ({}, {some: 3})
    else:
        assert (rows, errors) == ({some: 3}, {})


_keys = st.sampled_from(["a", "b", "c", "d", "e", "f", "n", "é", "x", ""])
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=5)
)


@given(_values, st.booleans())
@settings(max_examples=120, deadline=None)
def test_random_documents(value: Any, ascii_only: bool) -> None:
    assert_same(json.dumps(value, ensure_ascii=ascii_only))


_tokens = st.sampled_from(
    [
        *"{}[]:,",
        '"a"',
        '"b"',
        '"\\u0061"',
        '"\\ud800"',
        '"n"',
        "1",
        "-1.5e2",
        "1e400",
        "01",
        "null",
        "true",
        " ",
        "\n",
    ]
)


@given(st.lists(_tokens, max_size=12).map("".join))
@settings(max_examples=120, deadline=None)
def test_random_tokens(text: str) -> None:
    assert_same(text)


@given(_values, st.data())
@settings(max_examples=100, deadline=None)
def test_documents_that_are_broken_somewhere(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(
        st.sampled_from(["", '"', "\\", "\x01", ",", "NaN", "\\ud800", "}", "é", "\ud800"])
    )
    assert_same(text[:at] + piece + text[at + data.draw(st.integers(0, 2)) :])


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", '"x"', "5", "null", "true", "{}"),
        '{"a":1,"a":2}',
        '{"b":{"c":1},"b":{}}',
        '{"b":{"c":1},"b":5}',
        '{"b":5,"b":{"c":1}}',
        '{"b":null}',
        '{"b":[{"c":1}]}',
        '{"b":{"d":{"e":null}}}',
        '{"b":{"d":"x"}}',
        '{"\\u0061":"escaped key","\\u00e9":"x"}',
        '{"a":"\\ud83d\\ude00\\n\\u0000"}',
        '{"n":12345678901234567890.123}',
        '{"n":123456789012345678901234567890}',
        '{"n":1e400}',
        '{"n":1e99999999999999999999999}',
        '{"x":1e99999999999999999999999}',
        '{"x":' + "9" * 5000 + "}",
        '{"n":' + "9" * 5000 + "}",
        '{"n":"12"}',
        '{"n":" 12 "}',
        '{"n":true}',
        '{"n":[1]}',
        '{"f":[{"a":1}]}',
        '{"f":{"0":{"a":1}}}',
        '{"x":NaN}',
        '{"x":"\\ud800"}',
        '{"x":"\x01"}',
        '{"x":"\ud800"}',
        '{"a":"\ud800"}',
        '{"x":tru}',
        '{"a":1}garbage',
        '{"a":1',
        ' \t\r\n{ "a" : 1 } ',
        "\u00a0{}",
    ],
)
def test_particular_documents(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize("key", ["a", "x"])
@pytest.mark.parametrize("depth", [500, MAX_DEPTH - 1, MAX_DEPTH, 50_000])
def test_nesting(key: str, depth: int) -> None:
    assert_same(f'{{"{key}":' + "[" * depth + "]" * depth + "}", "data::jsonb ->> 'a'")


def test_a_text_that_is_null_has_no_fields() -> None:
    function = compile_rows(scalars(TAKEN, COLUMNS))
    assert function((None,)) == (None,) * 10


def test_one_decoding_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many fields are taken, in the filter too, the text is decoded once."""
    taken = scalars(TAKEN, COLUMNS)
    condition = scalars("data::jsonb ->> 'a' <> 'x'", COLUMNS)[0]
    function = compile_batch(taken, condition)
    calls = []
    make = documents.Decoder.__init__

    def counting(self: documents.Decoder, trie: documents.Trie) -> None:
        make(self, trie)
        decode = self.fast
        self.fast = lambda text: calls.append(text) or decode(text)

    monkeypatch.setattr(documents.Decoder, "__init__", counting)
    rows, errors = function({('{"a":"y","n":1}',): 1})
    assert len(rows) == 1
    assert not errors
    assert len(calls) == 1


@pytest.mark.parametrize(
    "taken",
    [
        "data::jsonb",
        "data::jsonb -> 0 ->> 'a'",
        "data::jsonb ->> 'quote\"in key'",
        "data::jsonb ->> 'back\\slash'",
        "data::jsonb ? 'a', data::jsonb ->> 'a'",
    ],
)
def test_what_cannot_be_a_struct_is_decoded_whole(taken: str) -> None:
    compiled = scalars(taken, COLUMNS)
    assert decoders(compiled) == 0
    text = json.dumps({"a": 1, 'quote"in key': "q", "back\\slash": "b"})
    assert compile_rows(compiled)((text,)) is not None


def test_keys_that_msgspec_cannot_name_are_found_all_the_same() -> None:
    text = json.dumps({'quote"in key': "q", "back\\slash": "b", "\x01": "c", "": "d"})
    taken = "data::jsonb ->> 'quote\"in key', data::jsonb ->> 'back\\slash', data::jsonb ->> ''"
    assert compile_rows(scalars(taken, COLUMNS))((text,)) == ("q", "b", "d")


def test_the_errors_of_fast_decoders_are_not_shown() -> None:
    rows, errors = compile_batch(scalars("data::jsonb ->> 'a'", COLUMNS))(
        {("[1]",): 1, ("{",): 2, ('{"a":"x"}',): 1}
    )
    assert rows == {(None,): 1, ("x",): 1}
    assert list(errors.values()) == [2]
    assert all(text.startswith("invalid input syntax for type jsonb") for text in errors)
    assert len(FAST_ERRORS) == 3
