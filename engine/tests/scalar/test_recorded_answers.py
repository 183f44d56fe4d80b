"""Expressions are answered as a real Materialize answered them: type, text, or an error.

The recordings are in `../shared`. `known_differences.tsv` has what v0.26.0 answers otherwise;
what v26.28 answers is answered here. Cases of the same kinds, which always run, are in `cases/`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import engine
from engine.errors import SqlError
from engine.tests.support.queries import Catalog

RECORDINGS = Path(engine.__file__).parents[2] / "shared" / "data" / "materialize" / "expressions"
ERROR = "an error"


def recorded(version: str) -> list[tuple[str, str, tuple[str, str] | str]]:
    """(form, statement, answer) of each line."""
    path = RECORDINGS / f"{version}.tsv"
    if not path.exists():
        pytest.skip(f"../shared is missing: it would hold {path.name}")
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    return [
        (form, statement, ERROR if text.startswith("! ") else (oid, text))
        for form, statement, oid, text in lines
    ]


@cache
def answer(statement: str) -> tuple[str, str] | str:
    """The oid of the type and the text, as COPY escapes it; or ERROR."""
    try:
        query = Catalog().compile(statement, maintained=False)
        flow = query.dataflow(time=1000)
        rows = query.finish(flow.step(1000, {}))
    except SqlError:
        return ERROR
    if flow.errors:
        return ERROR
    ((value,),) = rows
    type_ = query.columns[0].type
    return str(type_.oid), "\\N" if value is None else escaped(type_.to_text(value))


def escaped(text: str) -> str:
    for character, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(character, escape)
    return text


def known_differences() -> set[str]:
    path = Path(__file__).with_name("known_differences.tsv")
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {line.split("\t")[0] for line in lines}


def test_every_answer_is_that_of_todays() -> None:
    wrong = [
        (statement, wanted, answer(statement))
        for _, statement, wanted in recorded("v26.28")
        if answer(statement) != wanted
    ]
    assert not wrong


def test_every_difference_from_the_older_one_is_known() -> None:
    different = {
        form for form, statement, wanted in recorded("v0.26.0") if answer(statement) != wanted
    }
    assert different == known_differences()


def test_the_differences_have_reasons() -> None:
    path = Path(__file__).with_name("known_differences.tsv")
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            form, reason = line.split("\t")
            assert form and reason
