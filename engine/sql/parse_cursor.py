"""Cursors and prepared statements: DECLARE, FETCH, CLOSE, EXECUTE, DEALLOCATE."""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError, not_supported
from engine.scalar.data_types import type_of
from engine.sql import statements as s
from engine.sql.parse_read import parse_read
from engine.sql.queries import parse_expression
from engine.sql.tokens import TokenStream
from engine.sql.trees import parse_type


def parse_declare(tokens: TokenStream) -> s.Declare:
    tokens.expect_words("DECLARE")
    cursor = tokens.identifier()
    tokens.take_words("INSENSITIVE")
    if not tokens.take_words("NO", "SCROLL") and tokens.at_words("SCROLL"):
        raise not_supported("SCROLL for cursors")
    tokens.expect_words("CURSOR")
    if tokens.take_words("WITH"):
        raise not_supported("WITH HOLD for cursors")
    if tokens.take_words("WITHOUT"):
        tokens.expect_words("HOLD")
    tokens.expect_words("FOR")
    return s.Declare(cursor, parse_read(tokens))


def parse_fetch(tokens: TokenStream) -> s.Fetch:
    tokens.expect_words("FETCH")
    for word in ("PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"):
        if tokens.at_words(word) and not _ends_fetch(tokens):
            raise not_supported(f"FETCH {word}", hint="a cursor can only go forward")
    if not _ends_fetch(tokens):
        tokens.take_words("FORWARD")
    count: int | None = 1
    if tokens.at(TokenType.NUMBER):
        count = tokens.number()
    elif tokens.at(TokenType.DASH):
        raise not_supported("FETCH of a negative number", hint="a cursor can only go forward")
    elif not _ends_fetch(tokens):
        if tokens.take_words("ALL"):
            count = None
        else:
            tokens.take_words("NEXT")
    tokens.take_one_of("FROM", "IN")
    cursor = tokens.identifier("cursor name")
    timeout = _parse_timeout(tokens) if tokens.take_words("WITH") else None
    tokens.expect_end()
    return s.Fetch(cursor, count, timeout)


def _ends_fetch(tokens: TokenStream) -> bool:
    """Whether the next word can only be the cursor's name, because nothing follows it."""
    return tokens.peek(1) is None or tokens.at_words(_text(tokens.peek()), "WITH")


def _text(token: Token | None) -> str:
    return "" if token is None else token.text.upper()


def _parse_timeout(tokens: TokenStream) -> float:
    """Read `(timeout = '1s')`; returns seconds."""
    options = tokens.parenthesised()
    name = options.identifier("option name")
    if name != "timeout":
        raise SqlError(
            "unexpected options", "42601", detail=f"{name.upper()} is not an option of FETCH"
        )
    options.take(TokenType.EQ)
    value = options.next("duration").text
    options.expect_end()
    return _seconds(value)


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNIT_OF = {
    **dict.fromkeys(("us", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)


def _seconds(text: str) -> float:
    """The seconds of a duration such as `1s`, `1.5 seconds`, `100ms`, `1m 30s`."""
    total, at = 0.0, 0
    while match := _DURATION.match(text, at):
        unit = _UNIT_OF.get(match[2].lower())
        if unit is None:
            break
        total += float(match[1]) * _UNITS[unit]
        at = match.end()
    if not text or at != len(text):
        raise SqlError(
            f"invalid timeout: expected a duration such as '1s', found {text!r}", "22023"
        )
    return total


def parse_close(tokens: TokenStream) -> s.Close:
    tokens.expect_words("CLOSE")
    cursor = None if tokens.take_words("ALL") else tokens.identifier("cursor name")
    tokens.expect_end()
    return s.Close(cursor)


def parse_deallocate(tokens: TokenStream) -> s.Deallocate:
    tokens.expect_words("DEALLOCATE")
    if tokens.peek(1) is not None:
        tokens.take_words("PREPARE")
    name = None if tokens.take_words("ALL") else tokens.identifier()
    tokens.expect_end()
    return s.Deallocate(name)


def parse_types(tokens: TokenStream) -> tuple[int, ...]:
    """Read `(type, ..)` if it comes next; returns the oids."""
    if not tokens.at(TokenType.L_PAREN):
        return ()
    parts = tokens.parenthesised().comma_separated()
    return tuple(type_of(parse_type(part.rest(), tokens.sql)).oid for part in parts)


def parse_execute(tokens: TokenStream) -> s.Execute:
    tokens.expect_words("EXECUTE")
    name = tokens.identifier()
    arguments: tuple[exp.Expr, ...] = ()
    if tokens.at(TokenType.L_PAREN):
        parts = tokens.parenthesised().comma_separated()
        arguments = tuple(parse_expression(part.rest(), tokens.sql) for part in parts)
    tokens.expect_end()
    return s.Execute(name, arguments)
