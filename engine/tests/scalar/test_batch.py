"""Functions over the new rows of a source: by column, and JSON is decoded once for all of them."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.scalar import Environment, Evaluation, compile_batch
from engine.scalar.documents import SharedDocument, SharedDocuments
from engine.tests.scalar.evaluate import ENVIRONMENT, scalars
from engine.types import TEXT
from engine.zset import Appended

COLUMNS = {"data": TEXT, "n": TEXT}
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
    "CASE WHEN n > '1' THEN data::jsonb ->> 'a' END",
    "(n || '1')::jsonb ->> 'a'",
    "1",
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


def compiled(taken: str, session: Evaluation, filter: str | None = None, origin: str = "u1") -> Any:
    condition = None if filter is None else scalars(filter, COLUMNS)[0]
    return compile_batch(scalars(taken, COLUMNS), condition, session, origin)


def rows(*documents: str | None, utf8: bool = False) -> Appended:
    numbers = [str(number) for number in range(len(documents))]
    texts = [memoryview(text.encode()) for text in documents if text is not None]
    return Appended((documents, numbers), texts if utf8 else None)


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each shared decoding had."""
    sizes: list[int] = []
    decode = SharedDocument._decode

    def counting(self: SharedDocument, batch: Appended, function: Any) -> list[Any]:
        sizes.append(len(batch))
        return decode(self, batch, function)

    monkeypatch.setattr(SharedDocument, "_decode", counting)
    return sizes


@pytest.mark.parametrize("utf8", [True, False])
def test_a_document_is_decoded_once_for_all(decodings: list[int], utf8: bool) -> None:
    session = evaluation()
    first = compiled("data::jsonb ->> 'a'", session)
    second = compiled("data::jsonb ->> 'b', data::jsonb ->> 'a'", session)
    third = compiled("data::jsonb -> 'c' ->> 'd'", session)
    for number in range(1, 4):
        change = rows('{"a":1,"b":2,"c":{"d":3}}', '{"a":"4"}', utf8=utf8)
        # The fields of the third are known from the second batch on; in the first it decodes again.
        assert third(change) == ({("3",): 1, (None,): 1}, {})
        assert first(change) == ({("1",): 1, ("4",): 1}, {})
        assert second(change) == ({("2", "1"): 1, (None, "4"): 1}, {})
        assert len(decodings) == number + 2


def test_rows_are_not_made_where_columns_do(decodings: list[int]) -> None:
    session = evaluation()
    change = rows('{"a":1}', '{"a":1}')
    assert compiled("1", session)(change) == ({(1,): 2}, {})
    assert compiled("n", session, "n > '0'")(change) == ({("1",): 1}, {})
    assert compiled("data::jsonb ->> 'a'", session)(change) == ({("1",): 2}, {})
    assert "zset" not in change.__dict__
    assert decodings == [2]


def test_a_row_that_fails_costs_only_itself(decodings: list[int]) -> None:
    session = evaluation()
    change = rows('{"a":"1"}', '{"a":"x"}', "[]", None, "no json")
    whole, errors = compiled("(data::jsonb ->> 'a')::int", session)(change)
    assert whole == {(1,): 1, (None,): 2}
    assert sorted(errors.values()) == [1, 1]
    compiled("data::jsonb ->> 'a'", session)(change)
    assert decodings == [5]  # the second knows of the failure


def test_other_inputs_and_other_columns_are_not_mixed_up() -> None:
    session = evaluation()
    one = compiled("data::jsonb ->> 'a', n::jsonb ->> 'a'", session)
    other = compiled("data::jsonb ->> 'a'", session, origin="u2")
    change = Appended((['{"a":1}'], ['{"a":2}']))
    assert one(change) == ({("1", "2"): 1}, {})
    assert other(Appended((['{"a":3}'], ["4"]))) == ({("3",): 1}, {})


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


def test_an_expression_that_is_too_deep_is_computed_by_row() -> None:
    deep = "n"
    for _ in range(45):
        deep = f"CASE WHEN data = '{{}}' THEN {deep} ELSE n || 'x' END"
    assert compiled(deep, evaluation())(rows("{}", "1")) == ({("0",): 1, ("1x",): 1}, {})


def test_columns_that_nobody_uses_any_more_are_forgotten() -> None:
    session = evaluation()
    function = compiled("data::jsonb ->> 'a'", session)
    function(rows("{}"))
    assert len(session.environment.documents._columns) == 1
    del function
    gc.collect()
    assert len(session.environment.documents._columns) == 0


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(PATHS), min_size=1, max_size=4), st.booleans()),
        max_size=8,
    ),
    st.lists(st.sampled_from(DOCUMENTS)),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_columns_give_what_rows_give(
    steps: list[tuple[list[str], bool]], texts: list[str], utf8: bool
) -> None:
    session = evaluation()
    alive: list[Any] = []
    for taken, drop_one in steps:
        alive.append(compiled(", ".join(taken), session))
        if drop_one:
            alive.pop(0)
        change = rows(*texts, utf8=utf8)
        for function in alive:
            assert function(change) == function(dict(change.zset))
