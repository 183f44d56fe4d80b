"""Reads SQL files: fills in variables as psql does, and splits them into statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from scripts.child import ROOT
from viewstream.names import quote_literal

FOLDER = ROOT / "sql"
"""The SQL of the demo."""

WIKIS = FOLDER / "wikis.csv"
"""The demo's second data set, which is the variable `wikis` of its SQL."""

WEBHOOK_FOLDER = FOLDER / "webhook"
"""Files that replace those of the same name in FOLDER on an engine without file sources."""

_VARIABLE = re.compile(r"(?<!:):'(\w+)'")


class SqlFileError(Exception):
    """A SQL file cannot be read or applied; the text says which statement, and why."""


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon, and the file that it is from."""

    file: Path
    sql: str


def read_statements(paths: Sequence[Path], variables: Mapping[str, str]) -> list[Statement]:
    """Return the statements of files, and of the *.sql files of folders in order of their names.

    Raises SqlFileError and OSError.
    """
    return [
        Statement(file, sql)
        for file in list_files(paths)
        for sql in split(substitute(file.read_text("utf-8"), variables))
    ]


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the SQL files that `paths` name, each a file or a folder."""
    return [
        file for path in paths for file in (sorted(path.glob("*.sql")) if path.is_dir() else [path])
    ]


def webhook_files() -> list[Path]:
    """Return the demo's SQL files for an engine that has webhook sources and no file sources."""
    replaced = {file.name: file for file in WEBHOOK_FOLDER.glob("*.sql")}
    return [replaced.get(file.name, file) for file in sorted(FOLDER.glob("*.sql"))]


def substitute(sql: str, variables: Mapping[str, str]) -> str:
    """Replace each `:'name'` by a string literal, as psql does; raises SqlFileError."""

    def literal(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            option = "--source PATH" if name == "source" else f"--set {name}=VALUE"
            raise SqlFileError(f"the SQL needs a value for :'{name}': give {option}")
        return quote_literal(variables[name])

    return _VARIABLE.sub(literal, sql)


def split(sql: str) -> Iterator[str]:
    """Split `sql` at its semicolons, but not at those in strings and comments.

    Raises SqlFileError.
    """
    begin = 0
    has_tokens = False
    for token in tokenize(sql):
        if token.token_type is TokenType.SEMICOLON:
            if has_tokens:
                yield sql[begin : token.start].strip()
            begin, has_tokens = token.end + 1, False
        else:
            has_tokens = True
    if has_tokens:
        yield sql[begin:].strip()


def tokenize(sql: str) -> list[Token]:
    """Return the tokens of `sql`; raises SqlFileError."""
    try:
        return sqlglot.tokenize(sql, dialect="postgres")
    except TokenError as error:
        raise SqlFileError(f"expected SQL: {error}") from error
