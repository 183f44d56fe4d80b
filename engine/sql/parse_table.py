"""CREATE TABLE: columns, and constraints that are read but not enforced."""

from __future__ import annotations

from sqlglot.tokenizer_core import Token

from engine.errors import SqlError, not_supported
from engine.scalar.data_types import apply_modifiers, modifiers, type_of
from engine.scalar.nodes import Constant
from engine.sql import statements as s
from engine.sql.queries import parse_expression
from engine.sql.tokens import TokenStream
from engine.sql.trees import parse_type
from engine.types import SqlType, by_name


def parse_table(tokens: TokenStream, name: s.Name, sql: str, if_not_exists: bool) -> s.CreateTable:
    if tokens.at_words("AS"):
        raise not_supported("CREATE TABLE .. AS", hint="use CREATE MATERIALIZED VIEW .. AS")
    definitions = tokens.parenthesised()
    unenforced: list[str] = []
    columns: list[s.ColumnDefinition] = []
    for part in definitions.comma_separated():
        if not _take_constraint(part, unenforced):
            columns.append(_parse_column(part, unenforced))
        part.expect_end()
    if tokens.at_words("WITH"):
        raise not_supported("CREATE TABLE with options")
    tokens.expect_end()
    names = [column.name for column in columns]
    for column_name in names:
        if names.count(column_name) > 1:
            raise SqlError(f'column "{column_name}" specified more than once', "42701")
    return s.CreateTable(name, tuple(columns), sql, if_not_exists, tuple(unenforced))


_CONSTRAINTS = (
    *("PRIMARY KEY", "UNIQUE", "CHECK", "REFERENCES", "FOREIGN KEY", "CONSTRAINT"),
    *("GENERATED", "COLLATE"),
)
_END_OF_TYPE = ("NOT", "NULL", "DEFAULT", *_CONSTRAINTS)


def _parse_column(tokens: TokenStream, unenforced: list[str]) -> s.ColumnDefinition:
    name = tokens.identifier("column name")
    column_type, numbers = _parse_type(tokens)
    nullable, default = True, None
    while not tokens.at_end:
        if tokens.take_words("NOT", "NULL"):
            nullable = False
        elif tokens.take_words("DEFAULT"):
            value = []
            while not tokens.at_end and not any(map(tokens.at_words, _END_OF_DEFAULT)):
                value.append(tokens.next("an expression"))
            default = parse_expression(value, tokens.sql)
        elif not _take_constraint(tokens, unenforced):
            tokens.expect_words("NULL")
    return s.ColumnDefinition(name, column_type, nullable, default, numbers)


_END_OF_DEFAULT = ("NOT", *_CONSTRAINTS)


def _take_constraint(tokens: TokenStream, unenforced: list[str]) -> bool:
    """Read a constraint, of a column or of the table, and note that nothing enforces it."""
    if tokens.take_words("CONSTRAINT"):
        tokens.identifier("name of the constraint")
    for word in ("GENERATED", "COLLATE"):
        if tokens.at_words(word):
            raise not_supported(f"{word} for a column of a table")
    if tokens.take_words("PRIMARY KEY"):
        name = "PRIMARY KEY"
    elif tokens.take_words("FOREIGN KEY"):
        name = "FOREIGN KEY"
    elif tokens.take_words("UNIQUE"):
        name = "UNIQUE"
    elif tokens.take_words("CHECK"):
        parse_expression(tokens.parenthesised().rest(), tokens.sql)
        name = "CHECK"
    elif tokens.at_words("REFERENCES"):
        name = "REFERENCES"
    else:
        return False
    if name in ("PRIMARY KEY", "FOREIGN KEY", "UNIQUE"):
        tokens.identifiers()
    if tokens.take_words("REFERENCES"):
        _take_reference(tokens)
    unenforced.append(name)
    return True


def _take_reference(tokens: TokenStream) -> None:
    tokens.name()
    tokens.identifiers()
    while tokens.take_words("ON"):
        tokens.expect_one_of("DELETE", "UPDATE")
        action = tokens.expect_one_of("CASCADE", "RESTRICT", "NO", "SET")
        if action in ("NO", "SET"):
            tokens.expect_one_of("ACTION", "NULL", "DEFAULT")


def _parse_type(tokens: TokenStream) -> tuple[SqlType, tuple[int, ...]]:
    """Read a type, and its numbers, up to what can follow one in a column's definition."""
    words: list[Token] = []
    while not tokens.at_end and not any(tokens.at_words(word) for word in _END_OF_TYPE):
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
