"""Finds what a CREATE statement creates: its kind, its name, and the text that defines it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from sqlglot.tokenizer_core import Token, TokenType

from scripts.sql_files.statements import SqlFileError, Statement, tokenize
from viewstream.names import quote_view, split_view_name
from viewstream.protocol import ProtocolError

Word: TypeAlias = tuple[str, str]
"""A token without its spelling: ("name" | "string", text)."""

MATERIALIZED_VIEW = "MATERIALIZED VIEW"
DEFAULT_SCHEMA = "public"
"""The schema in which an engine creates a relation whose name has none."""

_HEAD = re.compile(
    r"CREATE (?P<replace>OR REPLACE )?(?P<materialized>MATERIALIZED )?"
    r"(?P<kind>SOURCE|TABLE|VIEW) (?:IF NOT EXISTS )?"
)
_QUALIFIERS = (("materialize", "."), (DEFAULT_SCHEMA, "."), ("pg_catalog", "."))


@dataclass(frozen=True)
class Definition:
    """A relation that a statement creates, under the name that it is served by."""

    statement: Statement
    kind: str
    name: str
    body: str
    """The statement from behind the name on."""
    may_replace: bool
    """Whether the statement says OR REPLACE."""

    def replacing_sql(self) -> str:
        """Return the statement that replaces a view in one step."""
        return f"CREATE OR REPLACE {self.kind} {quote_view(self.name)} {self.body}"

    @property
    def full_name(self) -> tuple[str, str]:
        """Schema and name."""
        schema, name = split_view_name(self.name)
        return schema or DEFAULT_SCHEMA, name

    def mentions(self, other: Definition) -> bool:
        """Return whether the name of the other relation occurs in the body."""
        return ("name", other.full_name[1]) in normalize(self.body)


def definition_of(statement: Statement) -> Definition | None:
    """Return what the statement creates, or None if it creates no relation; raises SqlFileError."""
    tokens = tokenize(statement.sql)
    head = _head(tokens)
    if head is None:
        return None
    parts, body = _split_body(statement.sql, tokens[head[0].count(" ") :])
    kind = f"{head['materialized'] or ''}{head['kind']}"
    return Definition(statement, kind, _checked_name(parts), body, bool(head["replace"]))


def body_of(sql: str) -> str:
    """Return what stands behind the name in a CREATE statement, as an engine shows it."""
    tokens = tokenize(sql)
    head = _head(tokens)
    return sql if head is None else _split_body(sql, tokens[head[0].count(" ") :])[1]


def _head(tokens: Sequence[Token]) -> re.Match[str] | None:
    """Match the keywords of a CREATE before the name, with a blank behind each."""
    keywords = takewhile(lambda token: token.token_type is not TokenType.IDENTIFIER, tokens)
    return _HEAD.match("".join(f"{token.text.upper()} " for token in keywords))


def _split_body(sql: str, tokens: Sequence[Token]) -> tuple[list[str], str]:
    """Return the parts of the name with which `tokens` begins, and the text behind it."""
    parts = list(_name_parts(tokens))
    end = tokens[2 * len(parts) - 2].end + 1 if parts else len(sql)
    return parts, sql[end:].strip()


def materialized_views(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Return the materialized views that the statements create, sorted; raises SqlFileError."""
    definitions = map(definition_of, statements)
    return tuple(sorted({one.name for one in definitions if one and one.kind == MATERIALIZED_VIEW}))


def normalize(sql: str) -> list[Word]:
    """Return the tokens of `sql` without what engines spell differently.

    Materialize quotes and qualifies the names of a definition: "materialize"."public"."edits".
    """
    words = [_word(token) for token in tokenize(sql)]
    kept: list[Word] = []
    position = 0
    while position < len(words):
        pair = tuple(text for _, text in words[position : position + 2])
        if pair in _QUALIFIERS and words[position][0] == "name":
            position += 2
            continue
        kept.append(words[position])
        position += 1
    return kept


def without_placement(shown: list[Word], written: list[Word]) -> list[Word]:
    """Drop the cluster and the refresh that Materialize shows, if the file names none.

    From v0.27 on it shows `IN CLUSTER "quickstart"`, and for a materialized view
    `WITH (REFRESH = ON COMMIT)`, whether the statement had them or not.
    """
    if _begins(shown, "in cluster") and not _begins(written, "in cluster"):
        shown = shown[3:]
    refresh = "with ( refresh = on commit )"
    if _begins(shown, refresh) and not _begins(written, "with"):
        shown = shown[len(refresh.split()) :]
    return shown


def _begins(words: list[Word], beginning: str) -> bool:
    expected = beginning.split()
    return [text for _, text in words[: len(expected)]] == expected


def _word(token: Token) -> Word:
    if token.token_type in (TokenType.STRING, TokenType.HEREDOC_STRING):
        return "string", token.text
    is_quoted = token.token_type is TokenType.IDENTIFIER
    return "name", token.text if is_quoted else token.text.lower()


def _name_parts(tokens: Sequence[Token]) -> Iterator[str]:
    """Return the identifiers, with dots between them, with which `tokens` begins."""
    for position, token in enumerate(tokens):
        if position % 2 == 0:
            yield _word(token)[1]
        elif token.token_type is not TokenType.DOT:
            return


def _checked_name(parts: Sequence[str]) -> str:
    if any("." in part for part in parts):
        raise SqlFileError(f"expected a name without a dot in it, found {list(parts)}")
    try:
        split_view_name(".".join(parts))
    except ProtocolError as error:
        raise SqlFileError(str(error)) from error
    return ".".join(parts)
