"""Applies `sql/` to an engine: each statement in order, once the engine answers.

Every statement says IF NOT EXISTS, so it may be run again: what stands, stands. (OR REPLACE would
give a view a new id, and everybody who follows it a new history.)
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import psycopg2
import sqlglot
from psycopg2.extensions import make_dsn, parse_dsn
from sqlglot.errors import TokenError

from viewstream.engine import DEFAULT_DSN, connection_options

FOLDER = Path(__file__).parents[1] / "sql"

_VARIABLE = re.compile(r"(?<!:):'(\w+)'")
_FILE_MISSING = "No such file or directory"
_POLL = 0.1


class ApplyError(Exception):
    """A statement, or the engine, gives up; the text says which and why."""


def substitute(sql: str, variables: Mapping[str, str]) -> str:
    """Put string literals in the place of `:'name'`, as psql does; raises ApplyError."""

    def literal(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            raise ApplyError(f"the SQL needs a value for :'{name}': give --{name}")
        return "'" + variables[name].replace("'", "''") + "'"

    return _VARIABLE.sub(literal, sql)


def statements(sql: str) -> Iterator[str]:
    """The statements of `sql`, without their semicolons; raises ApplyError.

    A semicolon within a string or a comment ends nothing.
    """
    try:
        tokens = sqlglot.tokenize(sql, dialect="postgres")
    except TokenError as error:
        raise ApplyError(f"expected SQL: {error}") from error
    begin = 0
    used = False
    for token in tokens:
        if token.token_type is sqlglot.TokenType.SEMICOLON:
            if used:
                yield sql[begin : token.start].strip()
            begin, used = token.end + 1, False
        else:
            used = True
    if used:
        yield sql[begin:].strip()


def read_statements(files: Sequence[Path], variables: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Each statement with the file it is from; raises ApplyError and OSError."""
    return [
        (file, statement)
        for file in files
        for statement in statements(substitute(file.read_text("utf-8"), variables))
    ]


def apply(
    dsn: str,
    todo: Sequence[tuple[Path, str]],
    wait: float,
    tell: Callable[[str], None] = lambda message: None,
) -> None:
    """Run all statements; raises ApplyError.

    For `wait` seconds an engine that does not answer, and a source's file that does not exist
    yet, are waited for.
    """
    deadline = time.monotonic() + wait
    remaining = list(todo)
    told = False
    while True:
        reason = _try(dsn, remaining)
        if reason is None:
            return
        if time.monotonic() > deadline:
            raise ApplyError(f"gave up after {wait:g} s: {reason}")
        if not told:
            tell(f"waiting: {reason}")
            told = True
        time.sleep(_POLL)


def _try(dsn: str, remaining: list[tuple[Path, str]]) -> str | None:
    """Run what remains, taking off what is done; return why to try again, or None."""
    try:
        connection = psycopg2.connect(make_dsn(**connection_options(parse_dsn(dsn), os.environ)))
    except psycopg2.OperationalError as error:
        return _first_line(error)
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            while remaining:
                file, statement = remaining[0]
                try:
                    cursor.execute(statement)
                except psycopg2.Error as error:
                    if connection.closed:
                        return f"{file.name}: {_first_line(error)}"
                    if _FILE_MISSING in str(error):
                        return f"{file.name}: {_what_is_missing(statement)}"
                    raise ApplyError(f"{file.name}: {str(error).strip()}") from error
                del remaining[0]
    return None


def _what_is_missing(statement: str) -> str:
    """Which file the engine cannot find: its own message does not name it."""
    tokens = sqlglot.tokenize(statement, dialect="postgres")
    for word, path in pairwise(tokens):
        if word.text.upper() == "FILE" and path.token_type is sqlglot.TokenType.STRING:
            return f"the engine cannot find the source's file {path.text!r}"
    return "the engine cannot find a file that it names"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/apply_sql", description="Create the source and the views of sql/."
    )
    parser.add_argument(
        "--dsn",
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine or Materialize (default: $VIEWSTREAM_DSN, or 127.0.0.1:6875)",
    )
    parser.add_argument(
        "--source",
        metavar="PATH",
        help="the file that scripts/source writes, by its absolute path where the engine runs",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the engine and the file (default: 60)",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="SQL files (default: all of sql/)"
    )
    options = parser.parse_args(arguments)
    if options.source is not None and not Path(options.source).is_absolute():
        parser.error(f"argument --source: expected an absolute path, found {options.source!r}")
    options.files = options.files or sorted(FOLDER.glob("*.sql"))
    return options


def _tell(message: str) -> None:
    print(f"apply_sql: {message}", file=sys.stderr, flush=True)


def main() -> int:
    options = parse_arguments()
    variables = {} if options.source is None else {"source": options.source}
    try:
        todo = read_statements(options.files, variables)
        apply(options.dsn, todo, options.wait, _tell)
    except (ApplyError, OSError) as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    _tell(f"applied {len(todo)} statements of {len(options.files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
