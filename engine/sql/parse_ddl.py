"""CREATE and DROP, read token by token; queries and expressions within are sqlglot's."""

from __future__ import annotations

import re

from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError, not_supported
from engine.scalar.data_types import apply_modifiers, modifiers, type_of
from engine.scalar.nodes import Constant
from engine.sql import statements as s
from engine.sql.dialect import parse_type
from engine.sql.queries import parse_expression, parse_query
from engine.sql.tokens import TokenStream
from engine.types import SqlType, by_name

_KINDS = ("SOURCE", "TABLE", "VIEW", "INDEX", "SCHEMA")
_OTHER_KINDS = (
    "CLUSTER", "DATABASE", "FUNCTION", "ROLE", "SECRET", "SEQUENCE", "SINK", "TRIGGER",
    "TYPE", "USER",
)  # fmt: skip


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
        kind = _expect_kind(tokens)
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
        return _parse_table(tokens, name, sql, if_not_exists)
    column_names = tokens.identifiers()
    if kind == "VIEW":
        tokens.expect_words("AS")
        query = parse_query(tokens.rest(), tokens.sql)
        return s.CreateView(name, query, sql, column_names, materialized, if_not_exists, or_replace)
    return _parse_source(
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
    kind = "VIEW" if tokens.take_words("MATERIALIZED", "VIEW") else _expect_kind(tokens)
    if_exists = tokens.take_words("IF", "EXISTS")
    names = [tokens.name()]
    while tokens.take(TokenType.COMMA):
        names.append(tokens.name())
    cascade = tokens.take_one_of("CASCADE", "RESTRICT") == "CASCADE"
    tokens.expect_end()
    return s.Drop(kind.lower(), tuple(names), if_exists, cascade)


def _schema_name(name: s.Name) -> str:
    """The schema of `schema` or `database.schema`."""
    if len(name) > 2 or (len(name) == 2 and name[0] != "materialize"):
        raise SqlError(f"unknown database '{name[0]}'", "3D000")
    return name[-1]


def _expect_kind(tokens: TokenStream) -> str:
    other = tokens.take_one_of(*_OTHER_KINDS)
    if other is not None:
        raise not_supported(f"the kind of object {other}")
    return tokens.expect_one_of(*_KINDS)


# Sources


def _parse_source(
    tokens: TokenStream,
    name: s.Name,
    sql: str,
    column_names: tuple[str, ...],
    *,
    materialized: bool,
    if_not_exists: bool,
    or_replace: bool,
) -> s.CreateSource:
    tokens.expect_words("FROM")
    connector = tokens.next("FILE").text.upper()
    if connector != "FILE":
        raise not_supported(f"a source from {connector}", hint="use FROM FILE")
    path = tokens.string("a path as a literal string")
    compressed = tokens.take_words("COMPRESSION") and tokens.expect_one_of("GZIP", "NONE") == "GZIP"
    tail = _parse_source_options(tokens.parenthesised()) if tokens.take_words("WITH") else False
    tokens.expect_words("FORMAT")
    source_format = _parse_format(tokens)
    if tokens.take_words("ENVELOPE"):
        tokens.expect_words("NONE")
    tokens.expect_end()
    return s.CreateSource(
        name,
        path,
        source_format,
        sql,
        column_names,
        tail=tail,
        compressed=compressed,
        materialized=materialized,
        if_not_exists=if_not_exists,
        or_replace=or_replace,
    )


def _parse_source_options(options: TokenStream) -> bool:
    """Read `tail = true, timestamp_frequency_ms = 1000`; returns whether to tail.

    The frequency is checked and otherwise left alone: the engine's tick is one for all.
    """
    tail = False
    for option in options.comma_separated():
        name = option.identifier("option name")
        option.expect(TokenType.EQ, "equals sign")
        if name == "tail":
            value = option.next("boolean value").text.lower()
            if value not in ("true", "false"):
                raise SqlError(f"invalid tail: expected true or false, found {value!r}", "22023")
            tail = value == "true"
        elif name == "timestamp_frequency_ms":
            option.number()
        else:
            raise SqlError(
                "unexpected parameters for CREATE SOURCE",
                "42601",
                detail=f"{name} is not a parameter of a file source",
                hint="the parameters are tail and timestamp_frequency_ms",
            )
        option.expect_end()
    return tail


def _parse_format(tokens: TokenStream) -> s.Format:
    word = tokens.next("one of TEXT or BYTES or REGEX or CSV").text.upper()
    if word == "TEXT":
        return s.TextFormat()
    if word == "BYTES":
        return s.BytesFormat()
    if word == "REGEX":
        return _parse_regex(tokens)
    if word == "CSV":
        return _parse_csv(tokens)
    raise not_supported(f"the format {word}", hint="use TEXT, BYTES, REGEX or CSV")


def _parse_regex(tokens: TokenStream) -> s.RegexFormat:
    pattern = tokens.string("a pattern as a literal string")
    try:
        re.compile(pattern)
    except re.error as error:
        raise SqlError(f"invalid regular expression {pattern!r}: {error}", "2201B") from error
    return s.RegexFormat(pattern)


def _parse_csv(tokens: TokenStream) -> s.CsvFormat:
    tokens.expect_words("WITH")
    header = tokens.take_one_of("HEADER", "HEADERS") is not None
    width: int | None = None
    names: tuple[str, ...] = ()
    if header:
        names = tokens.identifiers()
    else:
        width = tokens.number("HEADER or a number of columns")
        tokens.expect_one_of("COLUMNS", "COLUMN")
        if not 1 <= width <= 1600:
            raise SqlError(f"expected 1 to 1600 columns, found {width}", "22023")
    delimiter = ","
    if tokens.take_words("DELIMITED"):
        tokens.expect_words("BY")
        delimiter = tokens.string("a character as a literal string")
        if len(delimiter.encode()) != 1:
            raise SqlError(f"expected one byte as the delimiter, found {delimiter!r}", "22023")
    return s.CsvFormat(header, width, names, delimiter)


# Tables


def _parse_table(tokens: TokenStream, name: s.Name, sql: str, if_not_exists: bool) -> s.CreateTable:
    if tokens.at_words("AS"):
        raise not_supported("CREATE TABLE .. AS", hint="use CREATE MATERIALIZED VIEW .. AS")
    definitions = tokens.parenthesised()
    columns = tuple(_parse_column(part) for part in definitions.comma_separated())
    if tokens.at_words("WITH"):
        raise not_supported("CREATE TABLE with options")
    tokens.expect_end()
    names = [column.name for column in columns]
    for column_name in names:
        if names.count(column_name) > 1:
            raise SqlError(f'column "{column_name}" specified more than once', "42701")
    return s.CreateTable(name, columns, sql, if_not_exists)


_CONSTRAINTS = (
    "PRIMARY KEY", "UNIQUE", "CHECK", "REFERENCES", "FOREIGN KEY", "CONSTRAINT", "GENERATED",
)  # fmt: skip


def _parse_column(tokens: TokenStream) -> s.ColumnDefinition:
    _refuse_constraints(tokens)
    name = tokens.identifier("column name")
    column_type, numbers = _parse_type(tokens)
    nullable, default = True, None
    while not tokens.at_end:
        _refuse_constraints(tokens)
        if tokens.take_words("NOT", "NULL"):
            nullable = False
        elif tokens.take_words("DEFAULT"):
            value = []
            while not tokens.at_end and not tokens.at_words("NOT", "NULL"):
                value.append(tokens.next("an expression"))
            default = parse_expression(value, tokens.sql)
        else:
            tokens.expect_words("NULL")
    return s.ColumnDefinition(name, column_type, nullable, default, numbers)


def _parse_type(tokens: TokenStream) -> tuple[SqlType, tuple[int, ...]]:
    """Read a type, and its numbers, up to what can follow one in a column's definition."""
    words: list[Token] = []
    while not tokens.at_end and not any(
        tokens.at_words(word) for word in ("NOT", "NULL", "DEFAULT", *_CONSTRAINTS)
    ):
        words.append(tokens.next("data type"))
    if not words:
        raise tokens.unexpected("data type")
    if len(words) == 1:
        return by_name(words[0].text), ()
    tree = parse_type(words, tokens.sql)
    column_type, numbers = type_of(tree), modifiers(tree)
    if numbers:
        apply_modifiers(Constant(column_type, None), numbers, assigned=True)
    return column_type, numbers


def _refuse_constraints(tokens: TokenStream) -> None:
    word = tokens.take_one_of(*_CONSTRAINTS)
    if word is not None:
        raise not_supported(f"the constraint {word} of a table")


# Indexes


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
