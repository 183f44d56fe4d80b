"""Names of views, and epochs."""

from __future__ import annotations

import pytest

from viewstream.protocol import ProtocolError
from viewstream.relation import (
    Relation,
    find_relation,
    make_epoch,
    parse_search_path,
    relation_query,
    relations_query,
)


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
