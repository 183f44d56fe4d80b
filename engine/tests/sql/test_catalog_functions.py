"""Catalog functions and casts to oid aliases are replaced when a query is parsed."""

from __future__ import annotations

import re

import pytest

from engine.errors import SqlError
from engine.sql.catalog_functions import is_catalog_function
from engine.sql.dialect import tokenize
from engine.sql.queries import parse_query
from engine.tests.support.processes import ROOT


def parsed(sql: str) -> str:
    return parse_query(tokenize(sql), sql).sql("postgres")


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        ("SELECT pg_catalog.pg_get_expr(d, 1) FROM t", "SELECT d FROM t"),
        ("SELECT pg_get_userbyid(1)", "CASE WHEN 1 IS NOT NULL THEN 'materialize' END"),
        ("SELECT a COLLATE pg_catalog.default FROM t", "SELECT a FROM t"),
        ('SELECT a COLLATE "C" FROM t', "SELECT a FROM t"),
        ("SELECT has_table_privilege('t', 'SELECT')", "SELECT TRUE"),
        ("SELECT obj_description(oid, 'pg_class') FROM t", "SELECT CAST(NULL AS TEXT) FROM t"),
        ("SELECT 't'::regclass", "CAST('t' AS OID)"),
        ("SELECT oid::regclass FROM t", "CAST(oid AS OID)"),
        ("SELECT x = 'pg_catalog.array_in'::regproc FROM t", "x = 'array_in'"),
        ("SELECT generate_subscripts(a, 1) FROM t", "ARRAY_UPPER(a, 1)"),
    ],
)
def test_a_call_becomes_an_expression(sql: str, becomes: str) -> None:
    assert becomes in parsed(sql)


def test_the_names_of_a_look_up_do_not_hide_those_of_the_argument() -> None:
    assert parsed("SELECT pg_get_viewdef(oid) FROM t").endswith("WHERE mz_key = oid) FROM t")


def test_a_table_function_moves_to_from_where_there_are_two() -> None:
    sql = "SELECT unnest(k) AS a, generate_subscripts(k, 1) AS n FROM t"
    assert parsed(sql).startswith("SELECT (k)[mz_subscripts.mz_subscript] AS a")


def test_unnest_of_two_arrays_is_a_subquery() -> None:
    sql = "SELECT * FROM t, unnest(t.a, t.b) WITH ORDINALITY AS x(k, o, n)"
    rows = "(t.a)[mz_subscripts.mz_subscript], (t.b)[mz_subscripts.mz_subscript]"
    assert f"LATERAL (SELECT {rows}, mz_subscripts.mz_subscript FROM" in parsed(sql)
    assert parsed(sql).endswith("AS x(k, o, n)")


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        ("SELECT (information_schema._pg_expandarray(k)).n FROM t", "ARRAY_UPPER(k, 1)"),
        ("SELECT information_schema._pg_expandarray(k) AS x FROM t", "UNNEST(k) AS x"),
        ("SELECT word FROM pg_catalog.pg_get_keywords()", "('select', 'R', 'reserved')"),
        ("SELECT s FROM string_to_array('a,b', ',') AS s", "AS s) AS s"),
        (
            "SELECT row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS n FROM a",
            "CAST(a.attnum AS BIGINT) AS n",
        ),
    ],
)
def test_what_only_drivers_write(sql: str, becomes: str) -> None:
    assert becomes in parsed(sql)


def test_a_collation_that_sorts_in_another_way_is_refused() -> None:
    with pytest.raises(SqlError, match="the collation 'de_DE' is not supported"):
        parsed('SELECT a COLLATE "de_DE" FROM t')


def test_what_needs_no_replacement_is_left_alone() -> None:
    assert parsed("SELECT regclass, upper(b) FROM t") == "SELECT regclass, UPPER(b) FROM t"


def test_the_functions_that_the_documentation_names_exist() -> None:
    text = (ROOT / "engine" / "README.md").read_text("utf-8")
    [row] = re.findall(r"^\| catalog \| .*$", text, flags=re.MULTILINE)
    elsewhere = {"format_type", "parse_ident", "to_regtype", "current_setting", "pg_backend_pid"}
    for name in re.findall(r"`(\w+)`", row):
        assert is_catalog_function(name) or name in elsewhere, name
