"""ALTER .. RENAME: rewrites the statements that name the item, so that they can be parsed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from engine.catalog import Catalog, Definition, Item, Kind, with_oids
from engine.errors import SqlError, not_supported
from engine.sql.dialect import quote_identifier, tokenize
from engine.sql.parser import parse_statement
from engine.sql.statements import CreateSchema, CreateView, Drop

_BEFORE_NAME = {
    *("CREATE", "OR", "REPLACE", "DEFAULT", "MATERIALIZED", "SOURCE", "TABLE", "VIEW", "INDEX"),
    *("IF", "NOT", "EXISTS"),
}

_Edit = tuple[int, int, str]
"""The first and the last character to replace, and what by."""


def renamed_items(catalog: Catalog, item: Item, name: str) -> list[Item]:
    """The item under its new name, and the items whose statements name it, in the same order.

    Raises SqlError where a statement cannot be rewritten.
    """
    renamed = [_rewritten(item, _own_name(item, name), catalog, name=name)]
    for dependent in catalog.all_dependents(item):
        if dependent.kind is Kind.INDEX:
            edits = _after_on(dependent, name)
        else:
            edits = list(_references(catalog, dependent, item, name))
        renamed.append(_rewritten(dependent, edits, catalog))
    return renamed


def _rewritten(item: Item, edits: list[_Edit], catalog: Catalog, name: str | None = None) -> Item:
    assert item.definition is not None
    sql = item.definition.sql
    for start, end, text in sorted(edits, reverse=True):
        sql = sql[:start] + text + sql[end + 1 :]
    definition = _parsed(sql)
    if isinstance(definition, CreateView):
        definition = replace(definition, query=with_oids(definition.query, catalog))
    return replace(item, name=item.name if name is None else name, definition=definition)


def _parsed(sql: str) -> Definition:
    statement = parse_statement(sql)
    if not isinstance(statement, Definition) or isinstance(statement, Drop | CreateSchema):
        raise SqlError(f"the statement cannot be rewritten: {sql}")
    return statement


def _own_name(item: Item, name: str) -> list[_Edit]:
    """Replace the last part of the name that the statement creates."""
    assert item.definition is not None
    tokens = tokenize(item.definition.sql)
    first = next(i for i, token in enumerate(tokens) if not _is_word(token))
    return [_edit(_last_part(tokens, first), name)]


def _is_word(token: Token) -> bool:
    return token.token_type != TokenType.IDENTIFIER and token.text.upper() in _BEFORE_NAME


def _after_on(index: Item, name: str) -> list[_Edit]:
    """Replace the relation that an index is on."""
    assert index.definition is not None
    tokens = tokenize(index.definition.sql)
    on = next(i for i, token in enumerate(tokens) if token.text.upper() == "ON")
    return [_edit(_last_part(tokens, on + 1), name)]


def _last_part(tokens: list[Token], first: int) -> Token:
    while first + 2 < len(tokens) and tokens[first + 1].token_type == TokenType.DOT:
        first += 2
    return tokens[first]


def _edit(token: Token, name: str) -> _Edit:
    return token.start, token.end, quote_identifier(name)


def _references(catalog: Catalog, view: Item, item: Item, name: str) -> Iterator[_Edit]:
    """Replace each reference of a view; its columns keep the old name of their table."""
    assert view.definition is not None
    statement = parse_statement(view.definition.sql)
    assert isinstance(statement, CreateView)
    hidden = {cte.alias for cte in statement.query.find_all(exp.CTE)}
    for table in statement.query.find_all(exp.Table):
        parts = tuple(_folded(part) for part in table.parts)
        if catalog.find_quietly(parts) is not item or "start" not in table.parts[-1].meta:
            continue
        if len(parts) == 1 and parts[0] in hidden:
            raise not_supported(f"RENAME of '{parts[0]}', which '{view.full_name}' hides by WITH")
        place = table.parts[-1].meta
        alias = "" if table.args.get("alias") else f" AS {quote_identifier(parts[-1])}"
        yield place["start"], place["end"], quote_identifier(name) + alias


def _folded(part: exp.Expr) -> str:
    quoted = isinstance(part, exp.Identifier) and part.quoted
    return part.name if quoted else part.name.lower()
