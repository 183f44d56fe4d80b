"""Dialects, epochs and connection options."""

from __future__ import annotations

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from viewstream.engine import (
    NETWORK_OPTIONS,
    QUIET,
    Dialect,
    Relation,
    Selection,
    connection_options,
    dialect_of,
    find_relation,
    make_epoch,
    parse_search_path,
    relation_query,
    relations_query,
)
from viewstream.names import Part
from viewstream.protocol import ProtocolError

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


@pytest.mark.parametrize(
    ("start", "epoch"),
    [
        ("1970-01-01 00:00:00+00", "0-u7"),
        ("1970-01-01 00:00:01.5+00", "1500-u7"),
        ("1970-01-01 01:00:00.0019+01", "1-u7"),
        ("1970-01-01 05:30:00.002+05:30", "2-u7"),
        ("1969-12-31 23:59:59.999999-00:00:01", "999-u7"),
        ("2020-01-02 01:04:05.678901+00", "1577927045678-u7"),
    ],
)
def test_an_epoch_is_the_start_in_milliseconds_and_the_id(start: str, epoch: str) -> None:
    assert make_epoch(start, "u7") == epoch


@pytest.mark.parametrize("start", ["", "now", "2020-01-02", "2020-01-02 01:04:05", "1 2 3+00"])
def test_a_start_time_that_is_no_timestamptz_is_an_error(start: str) -> None:
    with pytest.raises(ProtocolError, match="expected a timestamptz"):
        make_epoch(start, "u7")


def test_the_relation_query_quotes_names() -> None:
    query = relation_query("a'b.c'd")
    assert "s.name = 'a''b'" in query
    assert "o.name = 'c''d'" in query
    with pytest.raises(ProtocolError, match=r"NAME or SCHEMA\.NAME"):
        relation_query("a.b.c")


def test_the_query_of_many_views_quotes_each_name_once() -> None:
    query = relations_query(["a'b.c'd", "c'd", "e"], "mz_now()")
    assert "o.name IN ('c''d', 'e')" in query
    with pytest.raises(ProtocolError, match=r"NAME or SCHEMA\.NAME"):
        relations_query(["e", "a.b.c"], "mz_now()")


START = "1970-01-01 00:00:01+00"


def test_a_name_without_schema_is_found_as_the_search_path_finds_it() -> None:
    assert "s.name =" not in relation_query("v")
    answer = [(START, "u1", "shop"), (START, "u2", "public"), (START, "u3", "other")]
    path = parse_search_path('shop, "public"')
    assert path == ("mz_catalog", "pg_catalog", "shop", "public")
    assert find_relation("v", answer, path) == Relation("shop", "v", "1000-u1")
    assert find_relation("v", answer) == Relation("public", "v", "1000-u2")
    system = [*answer, (START, "s1", "mz_catalog")]
    assert find_relation("v", system, path) == Relation("mz_catalog", "v", "1000-s1")
    assert find_relation("other.v", answer, path) == Relation("other", "v", "1000-u3")


def test_a_search_path_names_each_schema_once() -> None:
    path = parse_search_path("mz_catalog, pg_catalog, public, mz_temp")
    assert path == ("mz_catalog", "pg_catalog", "public", "mz_temp")


@pytest.mark.parametrize("answer", [[], [(START, "u3", "other")]])
def test_a_view_outside_of_the_search_path_is_unknown(answer: list[tuple[str, ...]]) -> None:
    with pytest.raises(LookupError, match="unknown view 'v'"):
        find_relation("v", answer)


def test_a_name_in_two_databases_is_ambiguous() -> None:
    row = (START, "u7", "public")
    with pytest.raises(LookupError, match="expected one relation named 'v', found 2"):
        find_relation("v", [row, row])


# Connections


def test_a_connection_is_quiet_and_notices_a_vanished_machine() -> None:
    options = connection_options({"host": "h"})
    assert options == {**NETWORK_OPTIONS, "host": "h", "options": QUIET}


def test_a_dsn_prevails_over_the_defaults() -> None:
    dsn = {"connect_timeout": "3", "options": "-c cluster=quick"}
    options = connection_options(dsn, {"PGOPTIONS": "-c cluster=slow"})
    assert options["connect_timeout"] == "3"
    assert options["options"] == f"{QUIET} -c cluster=quick"


def test_options_of_the_environment_are_kept() -> None:
    options = connection_options({}, {"PGOPTIONS": "-c cluster=slow"})
    assert options["options"] == f"{QUIET} -c cluster=slow"


def test_merged_options_are_a_dsn() -> None:
    dsn = "postgres://u:p%20w@h:1/d?options=-c%20cluster%3Dquick"
    parsed = parse_dsn(make_dsn(**connection_options(parse_dsn(dsn))))
    assert parsed["options"] == f"{QUIET} -c cluster=quick"
    assert (parsed["user"], parsed["password"], parsed["port"]) == ("u", "p w", "1")
