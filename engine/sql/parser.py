"""From text to the statements of `engine.sql.statements`.

The modules `parse_read`, `parse_ddl` and others each read one kind of statement, token by
token; queries within them are parsed by sqlglot.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError, not_supported
from engine.sql import statements as s
from engine.sql.dialect import tokenize
from engine.sql.parse_copy import parse_copy
from engine.sql.parse_cursor import (
    parse_close,
    parse_deallocate,
    parse_declare,
    parse_execute,
    parse_fetch,
    parse_types,
)
from engine.sql.parse_ddl import parse_alter, parse_create, parse_drop
from engine.sql.parse_read import (
    parse_explain,
    parse_select,
    parse_subscribe,
    parse_tail,
)
from engine.sql.parse_settings import parse_reset, parse_set
from engine.sql.parse_show import parse_show
from engine.sql.parse_transaction import (
    parse_begin,
    parse_commit,
    parse_release,
    parse_rollback,
    parse_savepoint,
)
from engine.sql.parse_write import parse_delete, parse_insert, parse_update
from engine.sql.refusals import STATEMENTS, refuse_unsupported
from engine.sql.tokens import TokenStream

_SHORT = 1000
"""Characters of a text up to which its SELECT is kept."""

_KEPT = 128
"""SELECTs that are kept: one that is asked again has the same tree, and is not planned again."""

_selects: dict[str, s.Select] = {}


def parse_statements(sql: str) -> list[s.Statement]:
    """Parse all statements of `sql`, which semicolons separate; raises SqlError."""
    if (known := _selects.get(sql)) is not None:
        return [known]
    tokens = tokenize(sql)
    parsed = [_parse(TokenStream(piece, sql)) for piece in _split(tokens)]
    if len(sql) <= _SHORT and len(parsed) == 1 and isinstance(parsed[0], s.Select):
        _selects[sql] = parsed[0]
        if len(_selects) > _KEPT:
            del _selects[next(iter(_selects))]
    return parsed


def parse_statement(sql: str) -> s.Statement | None:
    """Parse the one statement of `sql`; None if there is none. Raises SqlError."""
    parsed = parse_statements(sql)
    if len(parsed) > 1:
        raise SqlError("cannot insert multiple commands into a prepared statement", "42601")
    return parsed[0] if parsed else None


def _split(tokens: list[Token]) -> list[list[Token]]:
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


def _parse(tokens: TokenStream) -> s.Statement:
    first = tokens.peek()
    refuse_unsupported(tokens)
    if tokens.at(TokenType.L_PAREN):
        return parse_select(tokens)
    word = "" if first is None else first.text.upper()
    parser = None if first is None or not tokens.at_words(word) else _PARSERS.get(word)
    if parser is None:
        raise tokens.unexpected("a keyword at the beginning of a statement")
    return parser(tokens)


def _parse_prepare(tokens: TokenStream) -> s.Prepare:
    tokens.expect_words("PREPARE")
    name = tokens.identifier()
    types = parse_types(tokens)
    tokens.expect_words("AS")
    statement = _parse(TokenStream(tokens.rest(), tokens.sql))
    if not isinstance(statement, s.Select | s.Tail | s.Insert | s.Update | s.Delete):
        raise not_supported("PREPARE of a statement that is neither a read nor a write")
    return s.Prepare(name, types, statement)


def _parse_discard(tokens: TokenStream) -> s.Discard:
    tokens.expect_words("DISCARD")
    what = tokens.expect_one_of("ALL", "PLANS", "SEQUENCES", "TEMPORARY", "TEMP")
    tokens.expect_end()
    return s.Discard("TEMP" if what == "TEMPORARY" else what)


def _parse_unlisten(tokens: TokenStream) -> s.Nothing:
    """Accept `UNLISTEN ..`, which connection pools send: there is nothing to stop."""
    tokens.expect_words("UNLISTEN")
    if not tokens.take(TokenType.STAR):
        tokens.identifier()
    tokens.expect_end()
    return s.Nothing("UNLISTEN")


def _refuse(tokens: TokenStream) -> s.Statement:
    word = tokens.next("a statement").text.upper()
    raise not_supported(f"the statement {word}")


_PARSERS: dict[str, Callable[[TokenStream], s.Statement]] = {
    "SELECT": parse_select,
    "WITH": parse_select,
    "VALUES": parse_select,
    "TABLE": parse_select,
    "TAIL": parse_tail,
    "SUBSCRIBE": parse_subscribe,
    "COPY": parse_copy,
    "EXPLAIN": parse_explain,
    "SHOW": parse_show,
    "DECLARE": parse_declare,
    "FETCH": parse_fetch,
    "CLOSE": parse_close,
    "PREPARE": _parse_prepare,
    "EXECUTE": parse_execute,
    "DEALLOCATE": parse_deallocate,
    "BEGIN": parse_begin,
    "START": parse_begin,
    "COMMIT": parse_commit,
    "END": parse_commit,
    "ROLLBACK": parse_rollback,
    "ABORT": parse_rollback,
    "SAVEPOINT": parse_savepoint,
    "RELEASE": parse_release,
    "SET": parse_set,
    "RESET": parse_reset,
    "DISCARD": _parse_discard,
    "UNLISTEN": _parse_unlisten,
    "CREATE": parse_create,
    "DROP": parse_drop,
    "ALTER": parse_alter,
    "INSERT": parse_insert,
    "UPDATE": parse_update,
    "DELETE": parse_delete,
    **dict.fromkeys(STATEMENTS, _refuse),
}
