"""Each missing feature is refused by its name, with SQLSTATE 0A000."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.sql.parser import parse_statement
from engine.types import by_name

REFUSED = [
    ("SHOW SINKS", "SHOW SINKS"),
    ("SHOW CLUSTERS", "SHOW CLUSTERS"),
    ("SHOW CREATE SINK s", "SHOW CREATE SINK"),
    ("EXPLAIN RAW PLAN FOR SELECT 1", "EXPLAIN RAW"),
    ("EXPLAIN DECORRELATED PLAN FOR SELECT 1", "EXPLAIN DECORRELATED"),
    ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
    ("EXPLAIN (COSTS OFF) SELECT 1", "EXPLAIN (..)"),
    ("CREATE SINK s FROM v INTO KAFKA BROKER 'x'", "CREATE SINK"),
    ("CREATE CLUSTER c SIZE '1'", "CREATE CLUSTER"),
    ("CREATE CONNECTION k TO KAFKA (BROKER 'x')", "CREATE CONNECTION"),
    ("CREATE EXTENSION x", "CREATE EXTENSION"),
    ("CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE"),
    ("DROP OWNED BY x", "DROP OWNED"),
    ("CREATE SOURCE z IN CLUSTER c FROM FILE '/x' FORMAT TEXT", "IN CLUSTER"),
    ("CREATE SOURCE z FROM FILE '/x' FORMAT TEXT ENVELOPE UPSERT", "ENVELOPE UPSERT"),
    ("CREATE SOURCE z FROM FILE '/x' KEY FORMAT TEXT VALUE FORMAT TEXT", "KEY FORMAT"),
    ("CREATE MATERIALIZED VIEW z IN CLUSTER c AS SELECT 1", "IN CLUSTER"),
    ("CREATE VIEW z AS SELECT 1 WITH (RETAIN HISTORY FOR '1h')", "RETAIN HISTORY"),
    ("CREATE VIEW z WITH (a = 1) AS SELECT 1", "CREATE VIEW with options"),
    ("CREATE TABLE z (a int list)", "the type list"),
    ("CREATE TABLE z (a map[text=>int])", "the type map"),
    ("CREATE TABLE z (a serial)", "the type serial"),
    ("CREATE TABLE z (a int[][])", "an array of more than one dimension"),
    ("SELECT LIST[1, 2]", "the type list"),
    ("SELECT MAP['a' => 1]", "the type map"),
    ("SELECT ROW(1, 2)", "the type record: ROW (..)"),
    ("SELECT max(a) FROM t GROUP BY b OPTIONS (AGGREGATE INPUT GROUP SIZE = 3)", "OPTIONS (..)"),
    ("SELECT 1 OPTION (expected_group_size = 3)", "OPTION (..)"),
    ("WITH MUTUALLY RECURSIVE r (n int) AS (SELECT 1) SELECT * FROM r", "MUTUALLY RECURSIVE"),
    ("INSERT INTO t VALUES (1) RETURNING a", "RETURNING"),
    ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
    ("SELECT * FROM t AS OF AT LEAST 0", "AS OF AT LEAST"),
    ("VALIDATE CONNECTION x", "the statement VALIDATE"),
    ("TRUNCATE t", "the statement TRUNCATE"),
]


@pytest.mark.parametrize(("sql", "what"), REFUSED)
def test_it_is_refused_by_name(sql: str, what: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_statement(sql)
    assert (caught.value.message, caught.value.code) == (f"{what} is not supported", "0A000")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row, list, map, option FROM t",
        "SELECT key format, 'ON CONFLICT' AS returning FROM t",
        'SELECT "row"(1), list FROM t WHERE a IN (1)',
        "SELECT on_conflict, options FROM t",
    ],
)
def test_names_that_look_like_it_are_not(sql: str) -> None:
    parse_statement(sql)


def test_types_of_others_are_named() -> None:
    with pytest.raises(SqlError) as caught:
        by_name("TIMETZ")
    assert (caught.value.message, caught.value.code) == (
        "the type timetz is not supported",
        "0A000",
    )
    with pytest.raises(SqlError, match='type "nothing" does not exist'):
        by_name("nothing")
