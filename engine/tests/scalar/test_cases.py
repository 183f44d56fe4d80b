"""Expressions and what they give, from data files: `expression => type text`, or `!! code words`.

A line that begins with `#` is a comment; `NULL` is NULL; an empty text stands as nothing. After
`!!` comes the SQLSTATE and a part of the message.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SqlError
from engine.tests.scalar import evaluate

CASES = [
    pytest.param(line, id=f"{path.stem}:{number}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.txt"))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    if line.strip() and not line.startswith("#")
]


def unescape(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    if " !! " in case:
        expression, _, expected = case.rpartition(" !! ")
        code, _, words = expected.partition(" ")
        with pytest.raises(SqlError) as raised:
            evaluate.value(expression)
        assert words in raised.value.message
        assert raised.value.code == code
        return
    expression, arrow, expected = case.rpartition(" => ")
    assert arrow, f"no => and no !! in {case}"
    type_name, _, text = expected.partition(" ")
    found = evaluate.text(expression)
    assert (evaluate.scalar(expression).type.name, "NULL" if found is None else found) == (
        type_name,
        unescape(text),
    )


def test_there_are_cases() -> None:
    assert len(CASES) > 300
