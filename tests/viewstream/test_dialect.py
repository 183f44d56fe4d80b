"""The SQL of each version, and that of parts."""

from __future__ import annotations

import pytest

from viewstream.dialect import Dialect, Selection, dialect_of
from viewstream.names import Part
from viewstream.protocol import ProtocolError
from viewstream.relation import (
    Relation,
)

OLD = Dialect("TAIL", "mz_logical_timestamp()", 0)
RENAMED = Dialect("SUBSCRIBE", "mz_now()", 0)
TODAY = Dialect("SUBSCRIBE", "mz_now()", 1)


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("v0.9.4 (0123456789)", OLD),
        ("v0.26.4", OLD),
        ("v0.27.0 (abc)", RENAMED),
        ("v0.49.9", RENAMED),
        ("v0.50.0", TODAY),
        ("v0.164.2", TODAY),
        ("v1.0.0", TODAY),
        ("v26.28.0 (abc)", TODAY),
    ],
)
def test_the_dialect_of_a_version(version: str, dialect: Dialect) -> None:
    assert dialect_of(version) == dialect


@pytest.mark.parametrize("text", ["", "next", "v26", "PostgreSQL 15.2"])
def test_an_unknown_version_is_an_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="expected a version such as"):
        dialect_of(text)


def test_the_statements_of_a_dialect() -> None:
    view = Relation("s", 'a"b', "1-u7")
    assert OLD.copy_tail(view, as_of=6) == (
        'COPY (TAIL "s"."a""b" WITH (SNAPSHOT = false, PROGRESS) AS OF 6) TO STDOUT'
    )
    assert TODAY.copy_tail(view, snapshot=True) == (
        'COPY (SUBSCRIBE "s"."a""b" WITH (SNAPSHOT = true, PROGRESS)) TO STDOUT'
    )
    assert OLD.base_query(Selection(view), 9) == (
        'SELECT mz_logical_timestamp(), pg_postmaster_start_time(), * FROM "s"."a""b" LIMIT 10'
    )
    assert TODAY.weighted_base_query(Selection(view), 2, 9) == (
        "SELECT mz_now(), pg_postmaster_start_time(), count(*), c0, c1"
        ' FROM "s"."a""b" AS r (c0, c1) GROUP BY c0, c1 LIMIT 10'
    )
    assert TODAY.empty_base_query(Selection(view), 9) == (
        "SELECT mz_now(), pg_postmaster_start_time(), r.* FROM (SELECT true) AS one"
        ' LEFT JOIN (SELECT true AS present, * FROM "s"."a""b") AS r ON true LIMIT 10'
    )
    assert TODAY.copy_rows(view) == (
        'COPY (SELECT mz_now(), false, 1, * FROM "s"."a""b") TO STDOUT'
    )


@pytest.mark.parametrize(
    ("value", "condition", "parameters"),
    [("x", '"the ""%%""" = %s', ("x",)), (None, '"the ""%""" IS NULL', ())],
)
def test_the_sql_of_a_part_has_its_value_as_a_parameter(
    value: str | None, condition: str, parameters: tuple[str, ...]
) -> None:
    selection = Selection(Relation("s", "v", "1-u7"), Part('the "%"', value))
    assert selection.parameters == parameters
    assert TODAY.base_query(selection, 9) == (
        f'SELECT mz_now(), pg_postmaster_start_time(), * FROM "s"."v" WHERE {condition} LIMIT 10'
    )
    assert TODAY.weighted_base_query(selection, 2, 9).endswith(
        f' FROM (SELECT * FROM "s"."v" WHERE {condition}) AS r (c0, c1) GROUP BY c0, c1 LIMIT 10'
    )
    assert f'FROM "s"."v" WHERE {condition}) AS r ON true' in TODAY.empty_base_query(selection, 9)


# Epochs
