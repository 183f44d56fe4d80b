"""Queries of tools to the catalog: psql's commands, and the introspection of libraries."""

from __future__ import annotations

import shutil
import subprocess

import django
import pandas
import psycopg2.errors
import pytest
import sqlalchemy
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper
from pgcli.pgexecute import PGExecute

from engine.tests.clients.conftest import Engine


def psql(engine: Engine, command: str) -> list[str]:
    """The lines that psql prints, without blanks around the columns."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-F", "|", engine.dsn, "-c", command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (r"\d", "public|counts|view|materialize"),
        (r"\dt", "public|items|table|materialize"),
        (r"\dv", "public|counts|view|materialize"),
        (r"\di", "public|counts_primary_idx|index|materialize|counts"),
        (r"\d items", "price|numeric|||"),
        (r"\d counts", "n|bigint|||"),
        (r"\d counts_primary_idx", "text|text|text"),
        (r"\d+ items", "data|jsonb||||extended||"),
        (r"\l", "materialize|materialize|UTF8|C|C|"),
        (r"\dn", "public|materialize"),
        (r"\du", "materialize|Superuser, Create role, Create DB|{}"),
        (r"\df reverse", "pg_catalog|reverse|text|text|func"),
        (r"\dp items", "public|items|table|||"),
        (r"\dS mz_catalog.mz_roles", "name|text|||"),
    ],
)
def test_psql_lists(engine: Engine, command: str, line: str) -> None:
    lines = psql(engine, command)
    assert any(found.startswith(line) for found in lines), lines


@pytest.mark.parametrize("command", [r"\dx", r"\dT", r"\ds", r"\dm", r"\db", r"\des", r"\dy"])
def test_psql_lists_nothing_where_there_is_nothing(engine: Engine, command: str) -> None:
    assert not psql(engine, command)


def test_psql_shows_a_definition(engine: Engine) -> None:
    lines = psql(engine, r"\sv counts")
    assert lines[-1].startswith("CREATE MATERIALIZED VIEW counts AS SELECT text, count(*)")


def test_names_become_oids_and_oids_names(engine: Engine) -> None:
    [(oid,)] = engine.ask("SELECT 'public.items'::regclass")
    assert engine.ask(f"SELECT relname FROM pg_class WHERE oid = {oid}") == [("items",)]
    assert engine.ask(f"SELECT {oid}::regclass::text") == [("items",)]
    schema = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'items'::regclass"
    assert engine.ask(schema) == [("public",)]
    with pytest.raises(psycopg2.errors.UndefinedTable, match='relation "nothing" does not exist'):
        engine.ask("SELECT 'nothing'::regclass")


def test_a_session_reads_its_own_settings(engine: Engine) -> None:
    connection = engine.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET application_name = 'me'")
        cursor.execute("SELECT current_setting('application_name'), pg_backend_pid()")
        assert cursor.fetchall() == [("me", connection.info.backend_pid)]
        with pytest.raises(psycopg2.errors.UndefinedObject):
            cursor.execute("SELECT current_setting('nothing')")
    connection.close()


@pytest.fixture
def database(engine: Engine) -> sqlalchemy.Engine:
    url = f"postgresql+psycopg2://materialize@{engine.host}:{engine.port}/materialize"
    return sqlalchemy.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )


def test_sqlalchemy_reflects(database: sqlalchemy.Engine) -> None:
    found = sqlalchemy.inspect(database)
    assert found.get_table_names() == ["items", "lines"]
    assert found.get_view_names() == ["counts"]
    assert found.has_table("items")
    assert not found.has_table("nothing")
    types = {column["name"]: str(column["type"]) for column in found.get_columns("items")}
    assert types["price"] == "NUMERIC"
    assert types["at"] == "TIMESTAMP"
    [index] = found.get_indexes("counts")
    assert index["column_names"] == ["text", "n"]
    assert found.get_pk_constraint("items")["constrained_columns"] == []
    assert found.get_view_definition("counts").startswith("CREATE MATERIALIZED VIEW")
    metadata = sqlalchemy.MetaData()
    metadata.reflect(database, views=True)
    assert sorted(metadata.tables) == ["counts", "items", "lines"]


def test_pandas_reads_and_writes(engine: Engine, database: sqlalchemy.Engine) -> None:
    with database.connect() as connection:
        written = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
        written.to_sql("from_pandas", connection, index=False)
        read = pandas.read_sql_table("from_pandas", connection).sort_values("a")
        assert read["a"].tolist() == [1, 2]
        query = "SELECT b FROM from_pandas WHERE a = %(a)s"
        assert pandas.read_sql(query, connection, params={"a": 1})["b"].tolist() == ["x"]
    engine.run("DROP TABLE from_pandas")


def test_django_inspects(engine: Engine) -> None:
    if not settings.configured:
        settings.configure()
        django.setup()
    options = {"NAME": "materialize", "USER": "materialize"}
    options |= {"HOST": engine.host, "PORT": str(engine.port), "PASSWORD": "", "OPTIONS": {}}
    defaults = {"TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    wrapper = DatabaseWrapper({**options, **defaults, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False})
    wrapper.check_database_version_supported = lambda: None  # it wants a later PostgreSQL
    with wrapper.cursor() as cursor:
        found = wrapper.introspection
        kinds = {table.name: table.type for table in found.get_table_list(cursor)}
        assert kinds == {"items": "t", "lines": "t", "counts": "v"}
        names = [field.name for field in found.get_table_description(cursor, "items")]
        assert names == ["name", "price", "n", "at", "data", "good"]
        assert found.get_relations(cursor, "items") == {}
        assert found.get_sequences(cursor, "items") == []
        [index] = found.get_constraints(cursor, "counts").values()
        assert index["columns"] == ["text", "n"]
    wrapper.close()


def test_pgcli_completes(engine: Engine) -> None:
    asked = PGExecute("materialize", "materialize", "", engine.host, engine.port, None)
    try:
        assert ("public", "items") in set(asked.tables())
        assert ("public", "counts") in set(asked.views())
        assert ("public", "counts", "n", "bigint", False, None) in set(asked.view_columns())
        assert list(asked.databases()) == ["materialize"]
        assert "public" in asked.search_path()
        assert list(asked.foreignkeys()) == []
        assert {"lower", "upper"} <= {function.func_name for function in asked.functions()}
        assert asked.view_definition("counts").startswith("CREATE OR REPLACE VIEW")
    finally:
        asked.conn.close()
