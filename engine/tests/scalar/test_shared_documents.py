"""Functions over one input that decode its JSON once for all of them."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.scalar import Environment, Evaluation, compile_batch, shared_documents
from engine.scalar.shared_documents import SharedDocuments
from engine.tests.scalar.evaluate import ENVIRONMENT, scalars
from engine.types import TEXT

COLUMNS = {"n": TEXT, "data": TEXT}
PATHS = [
    "data::jsonb ->> 'a'",
    "data::jsonb ->> 'b'",
    "data::jsonb -> 'b'",
    "data::jsonb -> 'b' ->> 'c'",
    "data::jsonb -> 'b' -> 'd' ->> 'e'",
    "data::jsonb -> 'f' ->> 0",
    "data::jsonb -> 'f'",
    "(data::jsonb ->> 'a')::int",
    "data::jsonb",
    "n",
]
DOCUMENTS = [
    '{"a":1,"b":{"c":"x","d":{"e":null}},"f":[1,"two"]}',
    '{"a":"5","b":[1],"f":{"0":1}}',
    '{"b":{"c":{"deep":true},"d":3}}',
    "[]",
    "not json",
    '{"a":"x"',
]


def evaluation() -> Evaluation:
    environment: Environment = replace(ENVIRONMENT, documents=SharedDocuments())
    return Evaluation(environment)


def compiled(taken: str, session: Evaluation, origin: str | None = "u1") -> Any:
    return compile_batch(scalars(taken, COLUMNS), None, session, origin)


def decoder_of(function: Any) -> Any:
    names = function.__globals__
    (name,) = (name for name in names if name.startswith("decode"))
    return names[name]


def rows(*documents: str) -> dict[tuple[Any, ...], int]:
    return {(str(number), text): 1 for number, text in enumerate(documents)}


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that shared decoders decoded."""
    texts: list[str] = []
    tell = shared_documents.SharedDocument._tell

    def counting(self: Any) -> None:
        decode = self._decode
        if not getattr(decode, "counts", False):

            def count(text: str) -> Any:
                texts.append(text)
                return decode(text)

            count.counts = True  # type: ignore[attr-defined]
            self._decode = count
        tell(self)

    monkeypatch.setattr(shared_documents.SharedDocument, "_tell", counting)
    return texts


def test_a_document_is_decoded_once_for_all(decodings: list[str]) -> None:
    session = evaluation()
    first = compiled("data::jsonb ->> 'a'", session)
    second = compiled("data::jsonb ->> 'b', data::jsonb ->> 'a'", session)
    third = compiled("data::jsonb -> 'c' ->> 'd'", session)
    change = rows('{"a":1,"b":2,"c":{"d":3}}', '{"a":4}')
    for _ in range(2):
        assert first(change) == ({("1",): 1, ("4",): 1}, {})
        assert second(change) == ({("2", "1"): 1, (None, "4"): 1}, {})
        assert third(change) == ({("3",): 1, (None,): 1}, {})
    assert decodings == [text for _, text in change]


def test_a_function_that_is_alone_has_the_bare_decoder() -> None:
    session = evaluation()
    first = compiled("data::jsonb ->> 'a'", session)
    bare = decoder_of(first)
    assert type(bare).__name__ == "builtin_function_or_method"
    second = compiled("data::jsonb ->> 'b'", session)
    assert decoder_of(first) == decoder_of(second) != bare
    del second
    gc.collect()
    assert type(decoder_of(first)).__name__ == "builtin_function_or_method"
    assert first(rows('{"a":1}')) == ({("1",): 1}, {})


def test_other_inputs_and_other_columns_are_not_mixed_up() -> None:
    session = evaluation()
    one = compiled("data::jsonb ->> 'a'", session, "u1")
    other = compiled("data::jsonb ->> 'a'", session, "u2")
    column = compiled("n::jsonb ->> 'a'", session, "u1")
    unnamed = compiled("data::jsonb ->> 'a'", session, None)
    for function in (one, other, column, unnamed):
        assert type(decoder_of(function)).__name__ == "builtin_function_or_method"


def test_what_one_takes_whole_and_another_in_parts_is_not_shared() -> None:
    text = '{"b":{"c":"x","d":1}}'
    takers = ["data::jsonb ->> 'b'", "data::jsonb -> 'b' ->> 'c'"]
    expected = ['{"c":"x","d":1}', "x"]
    for order in ([0, 1], [1, 0]):
        session = evaluation()
        functions = [(compiled(takers[at], session), expected[at]) for at in order]
        for _ in range(2):
            for function, value in functions:
                assert function(rows(text)) == ({(value,): 1}, {})


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_documents, "KEPT", 10)
    session = evaluation()
    functions = [compiled(f"data::jsonb ->> '{key}'", session) for key in "ab"]
    for number in range(100):
        for function in functions:
            function(rows(f'{{"a":{number}}}'))
    (kept,) = (column._kept for column in session.environment.documents._columns.values())
    assert 0 < len(kept) <= 10


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(PATHS), min_size=1, max_size=4), st.booleans()),
        max_size=8,
    ),
    st.lists(st.sampled_from(DOCUMENTS), unique=True),
)
@settings(max_examples=60, deadline=None)
def test_sharing_changes_no_result(steps: list[tuple[list[str], bool]], texts: list[str]) -> None:
    session = evaluation()
    change = rows(*texts)
    alive: list[tuple[Any, Any]] = []
    for taken, drop_one in steps:
        sql = ", ".join(taken)
        alive.append((compiled(sql, session), compiled(sql, session, None)))
        if drop_one:
            alive.pop(0)
        for shared, alone in alive:
            assert shared(change) == alone(change)
