"""Constructs of Materialize and PostgreSQL that the engine does not have, refused by their names.

What is not listed here is refused where it is parsed or planned, as a syntax error or by name.
"""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.errors import not_supported
from engine.sql.tokens import TokenStream

STATEMENTS = (
    *("ANALYZE", "CALL", "CHECKPOINT", "CLUSTER", "COMMENT", "DO", "GRANT", "IMPORT"),
    *("INSPECT", "LISTEN", "LOAD", "LOCK", "MERGE", "MOVE", "NOTIFY", "RAISE", "REASSIGN"),
    *("REFRESH", "REINDEX", "REVOKE", "SECURITY", "TRUNCATE", "VACUUM", "VALIDATE"),
)
"""The first words of statements."""

OBJECTS = (
    *("ACCESS", "AGGREGATE", "CAST", "CLUSTER", "COLLATION", "CONNECTION", "CONTINUAL"),
    *("CONVERSION", "DATABASE", "DOMAIN", "EVENT", "EXTENSION", "FOREIGN", "FUNCTION", "GROUP"),
    *("LANGUAGE", "NETWORK", "OPERATOR", "OWNED", "POLICY", "PROCEDURE", "PUBLICATION", "ROLE"),
    *("ROUTINE", "RULE", "SECRET", "SEQUENCE", "SERVER", "SINK", "STATISTICS", "SUBSCRIPTION"),
    *("TABLESPACE", "TRANSFORM", "TRIGGER", "TYPE", "UNIQUE", "UNLOGGED", "USER"),
)
"""Kinds of objects that CREATE and DROP could name."""

SHOWN = (
    *("CLUSTER", "CLUSTERS", "CONNECTIONS", "FUNCTIONS", "GRANTS", "NETWORK", "POLICIES"),
    *("PRIVILEGES", "ROLES", "SECRETS", "SINKS", "SUBSOURCES", "TRIGGERS", "TYPES", "USERS"),
)
"""Lists that SHOW could print."""

_SIZES = ("EXPECTED", "EXPECTED_GROUP_SIZE", "AGGREGATE", "DISTINCT", "LIMIT")
"""The words with which the advice in `OPTIONS (..)` begins."""

_ANYWHERE = (("MUTUALLY", "RECURSIVE"), ("AS", "OF", "AT", "LEAST"))
_IN_CREATE = (("IN", "CLUSTER"), ("RETAIN", "HISTORY"), ("KEY", "FORMAT"), ("INCLUDE", "KEY"))
_IN_WRITES = (("ON", "CONFLICT"), ("RETURNING",))
_IN_STATEMENT = {
    "CREATE": _IN_CREATE,
    "INSERT": _IN_WRITES,
    "UPDATE": _IN_WRITES,
    "DELETE": _IN_WRITES,
}
_BEFORE_BRACKETS = {"LIST": "the type list", "MAP": "the type map"}


def refuse_unsupported(tokens: TokenStream) -> None:
    """Raise SqlError (0A000) if the statement holds one of these; takes no token."""
    first = tokens.peek()
    if first is None:
        return
    sequences = (*_ANYWHERE, *_IN_STATEMENT.get(first.text.upper(), ()))
    beginnings = {words[0] for words in sequences}
    calls = {"OPTION", "OPTIONS", "ROW", *_BEFORE_BRACKETS}
    for ahead, token in enumerate(tokens.all_left()):
        word = token.text.upper()
        if word in beginnings:
            for words in sequences:
                if tokens.at_words(*words, ahead=ahead):
                    raise not_supported(" ".join(words))
        if word in calls and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER):
            _refuse_call(tokens, ahead, word)


def _refuse_call(tokens: TokenStream, ahead: int, word: str) -> None:
    following, inner = tokens.peek(ahead + 1), tokens.peek(ahead + 2)
    kind = None if following is None else following.token_type
    if kind == TokenType.L_BRACKET and word in _BEFORE_BRACKETS:
        raise not_supported(_BEFORE_BRACKETS[word])
    if kind != TokenType.L_PAREN:
        return
    if word in ("OPTION", "OPTIONS") and inner is not None and inner.text.upper() in _SIZES:
        raise not_supported(f"{word} (..)", hint="leave it out: it is advice to a planner")
    if word == "ROW":
        raise not_supported("the type record: ROW (..)")
