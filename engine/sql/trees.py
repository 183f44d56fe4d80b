"""Parses tokens as queries, expressions and types, by sqlglot; errors name the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError
from engine.sql.dialect import DIALECT, SYNTAX_ERROR, quote_literal

T = TypeVar("T")

_PUNCTUATION = {
    TokenType.L_PAREN: "left parenthesis",
    TokenType.R_PAREN: "right parenthesis",
    TokenType.COMMA: "comma",
    TokenType.SEMICOLON: "semicolon",
    TokenType.DOT: "dot",
    TokenType.STAR: "star",
    TokenType.EQ: "equals sign",
}
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER}


def describe(token: Token | None) -> str:
    """How a message names what was found; None stands for the end of the text."""
    if token is None:
        return "EOF"
    if token.token_type in _PUNCTUATION:
        return _PUNCTUATION[token.token_type]
    if token.token_type in _NAMES:
        return f'identifier "{token.text}"'
    if token.token_type is TokenType.STRING:
        return f"string {quote_literal(token.text)}"
    if token.token_type is TokenType.NUMBER:
        return f'number "{token.text}"'
    return token.text.upper()


def expected(what: str, token: Token | None, sql: str, end: int | None = None) -> SqlError:
    """The syntax error for `token` where `what` should be.

    None stands for the end: of `sql`, or of the part of it that ends at `end`.
    """
    position = (len(sql) if end is None else end) + 1 if token is None else token.start + 1
    return SqlError(f"Expected {what}, found {describe(token)}", SYNTAX_ERROR, position=position)


def parse_query(tokens: Sequence[Token], sql: str) -> exp.Query:
    """Parse the tokens, a part of `sql`, as a query; raises SqlError."""
    return parse_tree(tokens, sql, "a query", exp.Query)


def parse_tree(tokens: Sequence[Token], sql: str, what: str, kind: type[T]) -> T:
    """Parse the tokens, a part of `sql`, as a tree of that kind; raises SqlError."""
    tree = _parse(tokens, sql, None)
    if isinstance(tree, exp.Values):
        tree = _select_from(tree)
    if not isinstance(tree, kind):
        raise expected(what, tokens[0] if tokens else None, sql)
    return tree


def _select_from(values: exp.Values) -> exp.Select:
    """`VALUES ..` as the query that it stands for: a SELECT, with PostgreSQL's column names."""
    first = values.expressions[0]
    width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    columns = [exp.to_identifier(f"column{number}") for number in range(1, width + 1)]
    clauses = {part: values.args[part] for part in _CLAUSES if values.args.get(part)}
    for part in clauses:
        values.set(part, None)
    values.set("alias", exp.TableAlias(this=exp.to_identifier("values"), columns=columns))
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=values), **clauses)


_CLAUSES = ("with_", "order", "limit", "offset")
"""Clauses that are allowed around VALUES as around SELECT."""


def parse_expression(tokens: Sequence[Token], sql: str) -> exp.Expr:
    """Parse the tokens, a part of `sql`, as a scalar expression; raises SqlError."""
    tree = _parse(tokens, sql, exp.Condition)
    if tree is None:
        raise expected("an expression", None, sql)
    return tree


def parse_type(tokens: Sequence[Token], sql: str) -> exp.Expr:
    """Parse the tokens, a part of `sql`, as the name of a type; raises SqlError."""
    tree = _parse(tokens, sql, exp.DataType)
    if tree is None:
        raise expected("data type", tokens[0] if tokens else None, sql)
    return tree


def _parse(tokens: Sequence[Token], sql: str, into: type[exp.Expr] | None) -> exp.Expr | None:
    """Parse the tokens, all of them, as one tree; None when there are none."""
    parser = DIALECT.parser()
    raw_tokens = list(tokens)
    try:
        if into is None:
            trees = parser.parse(raw_tokens, sql)
        else:
            trees = parser.parse_into(into, raw_tokens, sql)
    except ParseError as error:
        raise _syntax_error(error, tokens, sql) from error
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # sqlglot takes some forms apart before it looks whether they are what it expects.
        raise SqlError("Expected a valid statement", SYNTAX_ERROR) from error
    except RecursionError as error:
        raise SqlError("statement is nested too deeply", "54001") from error
    return trees[0] if trees else None


def _syntax_error(error: ParseError, tokens: Sequence[Token], sql: str) -> SqlError:
    """Say what sqlglot says in the words of `expected`, at the token that it stopped at."""
    first = error.errors[0] if error.errors else {}
    description = str(first.get("description") or "")
    line, column = first.get("line"), first.get("col")
    at = next(
        (i for i, token in enumerate(tokens) if (token.line, token.col) == (line, column)), None
    )
    token = None if at is None else tokens[at]
    if match := re.match(r"Expecting (\S+)", description):
        # Here sqlglot points at the token before the one that does not fit, at the very end only.
        return expected(_name_of(match[1]), _after(tokens, at), sql)
    if "Unexpected token" in description:
        return expected("end of statement", token, sql)
    if description.startswith(("Required keyword", "Expected")):
        return expected("an expression or a name", _after(tokens, at), sql)
    found = describe(token)
    position = None if token is None else token.start + 1
    return SqlError(f"Expected a valid statement, found {found}", SYNTAX_ERROR, position=position)


def _after(tokens: Sequence[Token], at: int | None) -> Token | None:
    """The token that does not fit: the one at `at`, or the end if that is the last one."""
    return None if at is None or at + 1 >= len(tokens) else tokens[at]


def _name_of(symbol: str) -> str:
    return {"(": "left parenthesis", ")": "right parenthesis"}.get(symbol, symbol)
