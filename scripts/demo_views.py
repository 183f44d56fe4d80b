"""The materialized views that SQL statements create, by the names that they are served under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import TokenType
from sqlglot.tokenizer_core import Token

_DEFINITIONS = tuple(
    f"CREATE {replace}MATERIALIZED VIEW {unless}".split()
    for replace in ("", "OR REPLACE ")
    for unless in ("IF NOT EXISTS ", "")
)


class ViewNameError(Exception):
    """A view that cannot be served by its name; the text says which."""


def materialized_views(statements: Iterable[str]) -> tuple[str, ...]:
    """The views that the statements create, sorted, as NAME or SCHEMA.NAME; raises ViewNameError.

    The names are the identifiers themselves: without quotes, and in lower case where they had none.
    """
    names = (_created(sqlglot.tokenize(sql, dialect="postgres")) for sql in statements)
    return tuple(sorted({name for name in names if name is not None}))


def _created(tokens: list[Token]) -> str | None:
    """The view that a statement creates, or None if it creates none."""
    words = [token.text.upper() for token in tokens]
    for definition in _DEFINITIONS:
        if words[: len(definition)] == definition:
            return _name(list(_parts(tokens[len(definition) :])))
    return None


def _parts(tokens: list[Token]) -> Iterator[str]:
    """The identifiers, with dots between them, with which `tokens` begins."""
    for position, token in enumerate(tokens):
        if position % 2 == 0:
            quoted = token.token_type is TokenType.IDENTIFIER
            yield token.text if quoted else token.text.lower()
        elif token.token_type is not TokenType.DOT:
            return


def _name(parts: list[str]) -> str:
    if len(parts) > 2 or any("." in part or not part for part in parts):
        raise ViewNameError(
            f"expected a view as NAME or SCHEMA.NAME, neither with a dot in it, found {parts}"
        )
    return ".".join(parts)
