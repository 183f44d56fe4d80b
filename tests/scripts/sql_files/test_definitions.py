"""The relation that a CREATE statement creates is found in every spelling."""

from pathlib import Path

import pytest

from scripts.sql_files.definitions import (
    Definition,
    body_of,
    definition_of,
    materialized_views,
    normalize,
)
from scripts.sql_files.statements import SqlFileError, Statement


def define(sql: str) -> Definition:
    definition = definition_of(Statement(Path("own.sql"), sql))
    assert definition is not None
    return definition


@pytest.mark.parametrize(
    ("sql", "view"),
    [
        ("create materialized view if not exists Edits as SELECT 1", "edits"),
        ("CREATE OR REPLACE\n\tMATERIALIZED  VIEW\n\n  edits\nAS SELECT 1", "edits"),
        ('CREATE MATERIALIZED VIEW "My ""best"" View" AS SELECT 1', 'My "best" View'),
        ('CREATE MATERIALIZED VIEW Stats."Edits" AS SELECT 1', "stats.Edits"),
        ("-- CREATE MATERIALIZED VIEW old\nCREATE MATERIALIZED VIEW /* */ new AS SELECT 1", "new"),
        ("CREATE VIEW \"CREATE MATERIALIZED VIEW x\" AS SELECT 'CREATE MATERIALIZED VIEW y'", None),
        ('CREATE MATERIALIZED VIEW "IF NOT EXISTS x" AS SELECT 1', "IF NOT EXISTS x"),
        ("INSERT INTO edits VALUES (1)", None),
    ],
)
def test_a_materialized_view_is_found(sql: str, view: str | None) -> None:
    assert materialized_views([Statement(Path(), sql)]) == (() if view is None else (view,))


@pytest.mark.parametrize("name", ["db.public.edits", 'public."a.b"', ""])
def test_a_name_that_no_view_can_be_served_by_is_refused(name: str) -> None:
    with pytest.raises(SqlFileError, match=r"expected a (view as NAME or SCHEMA\.NAME|name)"):
        define(f"CREATE MATERIALIZED VIEW {name}")


@pytest.mark.parametrize(
    ("sql", "kind", "name", "body"),
    [
        ("CREATE TABLE t (a int)", "TABLE", "t", "(a int)"),
        ("CREATE SOURCE IF NOT EXISTS s FROM FILE 'x'", "SOURCE", "s", "FROM FILE 'x'"),
        ("CREATE VIEW v (a) AS SELECT 1", "VIEW", "v", "(a) AS SELECT 1"),
        ("CREATE MATERIALIZED VIEW m AS SELECT 1", "MATERIALIZED VIEW", "m", "AS SELECT 1"),
    ],
)
def test_kind_name_and_body_are_told_apart(sql: str, kind: str, name: str, body: str) -> None:
    found = define(sql)
    assert (found.kind, found.name, found.body) == (kind, name, body)
    assert not found.may_replace
    assert body_of(sql) == body


def test_or_replace_is_permission() -> None:
    assert define("CREATE OR REPLACE VIEW v AS SELECT 1").may_replace


def test_a_view_is_replaced_in_one_step() -> None:
    found = define('CREATE MATERIALIZED VIEW IF NOT EXISTS "V" AS SELECT 1')
    assert found.replacing_sql() == 'CREATE OR REPLACE MATERIALIZED VIEW "V" AS SELECT 1'


@pytest.mark.parametrize(
    "spelling",
    [
        'as select "user",   count(*) from "materialize"."public"."edits" -- as Materialize has it',
        'AS SELECT "user", count(*)\nFROM edits',
        'AS SELECT "user", "pg_catalog"."count"(*) FROM public.edits',
    ],
)
def test_spellings_of_one_query_are_the_same(spelling: str) -> None:
    assert normalize(spelling) == normalize('AS SELECT "user", count(*) FROM edits')


@pytest.mark.parametrize(
    "other",
    [
        'AS SELECT "User", count(*) FROM edits',
        "AS SELECT 'user', count(*) FROM edits",
        'AS SELECT "user", count(*) FROM stats.edits',
        'AS SELECT "user", count(*) FROM edits LIMIT 10',
    ],
)
def test_other_queries_are_not(other: str) -> None:
    assert normalize(other) != normalize('AS SELECT "user", count(*) FROM edits')


def test_a_dependent_mentions_the_name_and_not_a_string_of_it() -> None:
    edits = define("CREATE VIEW Edits AS SELECT 1")
    assert define("CREATE VIEW v AS SELECT * FROM public.EDITS").mentions(edits)
    assert not define("CREATE VIEW v AS SELECT 'edits'").mentions(edits)
