"""SHOW: settings, and lists of items, which are queries over the catalog."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.errors import not_supported
from engine.sql import statements as s
from engine.sql.dialect import quote_literal, tokenize
from engine.sql.refusals import OBJECTS, SHOWN
from engine.sql.tokens import TokenStream
from engine.sql.trees import parse_query

_TYPES = {
    "SOURCES": "('source')",
    "TABLES": "('table')",
    "VIEWS": "('view')",
    "OBJECTS": "('source', 'table', 'view', 'index')",
}
_OBJECTS = "mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"


def parse_show(tokens: TokenStream) -> s.Statement:
    tokens.expect_words("SHOW")
    if (kind := tokens.take_one_of(*SHOWN)) is not None:
        raise not_supported(f"SHOW {kind}")
    if tokens.take_words("CREATE"):
        if (kind := tokens.take_one_of(*OBJECTS, "SCHEMA")) is not None:
            raise not_supported(f"SHOW CREATE {kind}")
        kind = tokens.expect_one_of("SOURCE", "TABLE", "VIEW", "INDEX")
        name = tokens.name()
        tokens.expect_end()
        return s.ShowCreate(kind.lower(), name)
    return _parse_list(tokens) or _parse_setting(tokens)


def _parse_setting(tokens: TokenStream) -> s.ShowVariable:
    name: str | None
    if tokens.take_words("ALL"):
        name = None
    elif tokens.take_words("TIME", "ZONE"):
        name = "timezone"
    elif tokens.take_words("TRANSACTION", "ISOLATION", "LEVEL"):
        name = "transaction_isolation"
    else:
        name = tokens.identifier("a setting or a kind of object").lower()
    tokens.expect_end()
    return s.ShowVariable(name)


def _parse_list(tokens: TokenStream) -> s.Select | s.ShowParts | None:
    """Read `[FULL] [MATERIALIZED] SOURCES ..` and its like; None if it is none of them."""
    full = tokens.take_words("FULL")
    materialized = tokens.take_words("MATERIALIZED")
    if full or materialized:
        kind: str | None = tokens.expect_one_of(*_TYPES)
    else:
        kind = tokens.take_one_of(
            *_TYPES, "COLUMNS", "INDEXES", "INDEX", "KEYS", "SCHEMAS", "DATABASES"
        )
    if kind is None:
        return None
    if kind in _TYPES:
        return _list_objects(tokens, kind, full=full, materialized=materialized)
    if kind == "COLUMNS":
        return _list_columns(tokens)
    if kind in ("SCHEMAS", "DATABASES"):
        if tokens.take_one_of("FROM", "IN"):
            tokens.name()
        catalog = "mz_schemas" if kind == "SCHEMAS" else "mz_databases"
        return _select("name", f"SELECT name FROM {catalog}", "name", tokens)  # noqa: S608
    return _list_indexes(tokens)


def _list_objects(tokens: TokenStream, kind: str, *, full: bool, materialized: bool) -> s.Select:
    schema = tokens.name()[-1] if tokens.take_one_of("FROM", "IN") else "public"
    condition = f"s.name = {quote_literal(schema)} AND o.type IN {_TYPES[kind]}"
    if materialized:
        condition += " AND o.id IN (SELECT on_id FROM mz_indexes)"
    query = f"SELECT o.name, o.type FROM {_OBJECTS} WHERE {condition}"  # noqa: S608
    return _select("name, type" if full or kind == "OBJECTS" else "name", query, "name", tokens)


def _list_columns(tokens: TokenStream) -> s.ShowParts:
    relation = _relation(tokens, "columns")
    query = (
        "SELECT c.name, c.nullable, c.type, c.position FROM mz_columns c"  # noqa: S608
        " JOIN mz_objects o ON c.id = o.id JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE {_is(relation)}"
    )
    return s.ShowParts(relation, _select("name, nullable, type", query, "position", tokens))


def _list_indexes(tokens: TokenStream) -> s.ShowParts:
    relation = _relation(tokens, "indexes")
    query = (
        "SELECT o.name AS on_name, i.name AS key_name FROM mz_indexes i"  # noqa: S608
        " JOIN mz_objects o ON i.on_id = o.id JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE {_is(relation)}"
    )
    return s.ShowParts(relation, _select("on_name, key_name", query, "key_name", tokens))


def _relation(tokens: TokenStream, what: str) -> s.Name:
    if not tokens.take_one_of("FROM", "IN", "ON"):
        raise tokens.unexpected(f"FROM and the relation whose {what} to show")
    return tokens.name()


def _is(relation: s.Name) -> str:
    """The condition that picks the relation out of `mz_objects o` and `mz_schemas s`."""
    *schema, name = relation
    condition = f"o.name = {quote_literal(name)}"
    return f"{condition} AND s.name = {quote_literal(schema[-1])}" if schema else condition


def _select(columns: str, query: str, order_by: str, tokens: TokenStream) -> s.Select:
    """Select from `query`, filtered by `LIKE pattern` or `WHERE condition` if one follows."""
    where = ""
    if tokens.take_words("LIKE"):
        where = f" WHERE name LIKE {quote_literal(tokens.string('a pattern'))}"
    elif tokens.at(TokenType.WHERE):
        where = f" {tokens.text()}"
        tokens.rest()
    tokens.expect_end()
    sql = f"SELECT {columns} FROM ({query}) AS listed{where} ORDER BY {order_by}"  # noqa: S608
    return s.Select(parse_query(tokenize(sql), sql))
