"""CREATE and DROP of every kind of item."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.errors import SqlError, not_supported
from engine.sql import statements as s
from engine.sql.parse_source import parse_source
from engine.sql.parse_table import parse_table
from engine.sql.queries import parse_query
from engine.sql.refusals import OBJECTS
from engine.sql.tokens import TokenStream

_KINDS = ("SOURCE", "TABLE", "VIEW", "INDEX", "SCHEMA")


def parse_create(tokens: TokenStream) -> s.DdlStatement:
    sql = tokens.text()
    tokens.expect_words("CREATE")
    or_replace = tokens.take_words("OR", "REPLACE")
    if tokens.take_one_of("TEMPORARY", "TEMP"):
        raise not_supported("a temporary relation")
    materialized = tokens.take_words("MATERIALIZED")
    if materialized:
        kind = tokens.expect_one_of("VIEW", "SOURCE")
    elif tokens.take_words("DEFAULT", "INDEX"):
        return _parse_index(tokens, sql, default=True)
    else:
        kind = _expect_kind(tokens, "CREATE")
    if or_replace and kind not in ("VIEW", "SOURCE"):
        raise not_supported(f"CREATE OR REPLACE {kind}", hint="DROP it, then CREATE it")
    if kind == "INDEX":
        return _parse_index(tokens, sql, default=False)
    if_not_exists = tokens.take_words("IF", "NOT", "EXISTS")
    if or_replace and if_not_exists:
        raise SqlError("CREATE OR REPLACE cannot be used with IF NOT EXISTS", "42601")
    name = tokens.name()
    if kind == "SCHEMA":
        tokens.expect_end()
        return s.CreateSchema(_schema_name(name), sql, if_not_exists)
    if kind == "TABLE":
        return parse_table(tokens, name, sql, if_not_exists)
    column_names = tokens.identifiers()
    if kind == "VIEW":
        if tokens.at_words("WITH"):
            raise not_supported("CREATE VIEW with options")
        tokens.expect_words("AS")
        query = parse_query(tokens.rest(), tokens.sql)
        return s.CreateView(name, query, sql, column_names, materialized, if_not_exists, or_replace)
    return parse_source(
        tokens,
        name,
        sql,
        column_names,
        materialized=materialized,
        if_not_exists=if_not_exists,
        or_replace=or_replace,
    )


def parse_drop(tokens: TokenStream) -> s.Drop:
    tokens.expect_words("DROP")
    kind = "VIEW" if tokens.take_words("MATERIALIZED", "VIEW") else _expect_kind(tokens, "DROP")
    if_exists = tokens.take_words("IF", "EXISTS")
    names = [tokens.name()]
    while tokens.take(TokenType.COMMA):
        names.append(tokens.name())
    cascade = tokens.take_one_of("CASCADE", "RESTRICT") == "CASCADE"
    tokens.expect_end()
    return s.Drop(kind.lower(), tuple(names), if_exists, cascade)


def parse_alter(tokens: TokenStream) -> s.Rename:
    tokens.expect_words("ALTER")
    if tokens.at_words("SYSTEM") or tokens.at_words("DEFAULT"):
        raise not_supported(f"ALTER {tokens.next('a kind of object').text.upper()}")
    tokens.take_words("MATERIALIZED")
    kind = _expect_kind(tokens, "ALTER")
    if_exists = tokens.take_words("IF", "EXISTS")
    name = tokens.name()
    if kind == "SCHEMA" or not tokens.take_words("RENAME", "TO"):
        action = tokens.next("RENAME TO").text.upper()
        raise not_supported(f"ALTER {kind} .. {action}", hint="only RENAME TO is, of items")
    new_name = tokens.identifier("the new name")
    tokens.expect_end()
    return s.Rename(kind.lower(), name, new_name, if_exists)


def _schema_name(name: s.Name) -> str:
    """The schema of `schema` or `database.schema`."""
    if len(name) > 2 or (len(name) == 2 and name[0] != "materialize"):
        raise SqlError(f"unknown database '{name[0]}'", "3D000")
    return name[-1]


def _expect_kind(tokens: TokenStream, statement: str) -> str:
    other = tokens.take_one_of(*OBJECTS)
    if other is not None:
        raise not_supported(f"{statement} {other}")
    return tokens.expect_one_of(*_KINDS)


def _parse_index(tokens: TokenStream, sql: str, *, default: bool) -> s.CreateIndex:
    if_not_exists = tokens.take_words("IF", "NOT", "EXISTS")
    name = None if tokens.at_words("ON") else tokens.identifier("index name")
    tokens.expect_words("ON")
    relation = tokens.name()
    columns: tuple[str, ...] = ()
    if not default:
        if tokens.take_words("USING"):
            tokens.identifier("index method")
        columns = tuple(part.text() for part in tokens.parenthesised().comma_separated())
    tokens.expect_end()
    return s.CreateIndex(name, relation, sql, columns, if_not_exists)
