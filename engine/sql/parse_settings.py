"""SET and RESET."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.errors import not_supported
from engine.sql import statements as s
from engine.sql.tokens import TokenStream


def parse_set(tokens: TokenStream) -> s.Statement:
    tokens.expect_words("SET")
    if tokens.take_words("TRANSACTION") or tokens.take_words("SESSION", "CHARACTERISTICS"):
        # All modes of a transaction come to the same here.
        tokens.rest()
        return s.Nothing("SET")
    scope = tokens.take_one_of("SESSION", "LOCAL")
    local = scope == "LOCAL"
    if tokens.take_words("TIME", "ZONE"):
        return s.SetVariable("timezone", _parse_values(tokens), local)
    if tokens.take_words("NAMES"):
        return s.SetVariable("client_encoding", _parse_values(tokens), local)
    name = _parse_name(tokens)
    if not tokens.take_words("TO") and not tokens.take(TokenType.EQ):
        raise tokens.unexpected("equals sign or TO")
    return s.SetVariable(name, _parse_values(tokens), local)


def _parse_name(tokens: TokenStream) -> str:
    parts = tokens.name()
    if len(parts) > 1:
        raise not_supported(f"the setting {'.'.join(parts)!r}")
    return parts[0]


def _parse_values(tokens: TokenStream) -> str | None:
    """Read the value, or several with commas between; None for DEFAULT."""
    if tokens.take_words("DEFAULT"):
        tokens.expect_end()
        return None
    parts = []
    for part in tokens.comma_separated():
        sign = "-" if part.take(TokenType.DASH) else ""
        parts.append(sign + part.next("a value").text)
        part.expect_end()
    if not parts:
        raise tokens.unexpected("a value")
    return ", ".join(parts)


def parse_reset(tokens: TokenStream) -> s.ResetVariable:
    tokens.expect_words("RESET")
    name = None if tokens.take_words("ALL") else _parse_name(tokens)
    tokens.expect_end()
    return s.ResetVariable(name)
