"""Brings an engine to what SQL files say: creates what is missing, and compares the rest.

A relation that differs from its file is kept unless it may be replaced: another id is another
epoch, and each page of the view loads its rows again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from sqlglot.tokenizer_core import TokenType

from scripts.sql_files.catalog import Cursor, Existing, find, is_same
from scripts.sql_files.definitions import Definition, definition_of
from scripts.sql_files.statements import SqlFileError, Statement, tokenize
from viewstream.dialect import VERSION_QUERY, Dialect, dialect_of
from viewstream.engine import connection_options
from viewstream.names import quote_view
from viewstream.protocol import ProtocolError

T = TypeVar("T")

_NO_FILE_SOURCES = "found FILE"
"""Part of the answer of Materialize v0.27 and later to CREATE SOURCE .. FROM FILE."""
_FILE_MISSING = "No such file or directory"
_POLL = 0.1


class Outcome(Enum):
    """The result of applying one definition."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    KEPT = "kept"
    NOT_EMPTY = "kept with their rows"


class NotYetError(Exception):
    """The engine does not answer, or the file of a source is missing: to be tried again."""


def apply(
    dsn: str,
    statements: Sequence[Statement],
    *,
    wait: float,
    replace: bool = False,
    log: Callable[[str], None] = lambda message: None,
) -> dict[str, Outcome]:
    """Apply the statements in order; return the outcome for each relation.

    An engine that does not answer and a missing file of a source are waited for, for `wait`
    seconds. If a statement fails, the relations that were dropped for a replacement are created
    again as they were. Raises SqlFileError.
    """
    application = Application(statements, replace)
    try:
        _retry(lambda: application.run(dsn), wait, log)
    except SqlFileError:
        for line in kept(statements, application.outcomes):  # it may be the reason
            log(line)
        raise
    return application.outcomes


def summary(outcomes: dict[str, Outcome]) -> str:
    """Describe the outcomes in one line, such as `created a, b; unchanged c`."""
    parts = [
        f"{outcome.value} {', '.join(names)}"
        for outcome in Outcome
        if (names := [name for name, found in outcomes.items() if found is outcome])
    ]
    return "; ".join(parts) or "nothing to apply"


def kept(
    statements: Sequence[Statement], outcomes: dict[str, Outcome], option: str = "--replace"
) -> list[str]:
    """Return a line for each relation that differs from its file and was kept.

    `option` is the one that replaces.
    """
    advice = {
        Outcome.KEPT: f"kept; use {option}",
        Outcome.NOT_EMPTY: "kept, since it has rows; to lose them: DROP TABLE {} CASCADE",
    }
    return [
        f"{one.statement.file.name}: {one.name} differs from the file; "
        + advice[outcomes[one.name]].format(quote_view(one.name))
        for one in filter(None, map(definition_of, statements))
        if outcomes.get(one.name) in advice
    ]


def _connect(dsn: str) -> psycopg2.extensions.connection:
    try:
        return psycopg2.connect(make_dsn(**connection_options(parse_dsn(dsn), os.environ)))
    except psycopg2.OperationalError as error:
        raise NotYetError(_first_line(error)) from error
    except psycopg2.Error as error:
        # The DSN is not shown: it may have a password.
        raise SqlFileError(f"expected a DSN as libpq reads it: {_first_line(error)}") from error


def read_dialect(
    dsn: str, *, wait: float, log: Callable[[str], None] = lambda message: None
) -> Dialect:
    """Ask the engine for its version; wait until it answers, for `wait` seconds.

    Raises SqlFileError.
    """

    def ask() -> Dialect:
        with closing(_connect(dsn)) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(VERSION_QUERY)
                version = cursor.fetchone()
                return dialect_of(version[0] if version else "")
            except psycopg2.OperationalError as error:
                raise NotYetError(_first_line(error)) from error
            except (psycopg2.Error, ProtocolError) as error:
                raise SqlFileError(f"the engine is no Materialize: {_first_line(error)}") from error

    return _retry(ask, wait, log)


def _retry(action: Callable[[], T], wait: float, log: Callable[[str], None]) -> T:
    """Call `action` until it does not raise NotYetError, for `wait` seconds."""
    deadline = time.monotonic() + wait
    logged = ""
    while True:
        try:
            return action()
        except NotYetError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise SqlFileError(f"gave up after {wait:g} s: {reason}")
        if reason != logged:
            log(f"waiting: {reason}")
            logged = reason
        time.sleep(_POLL)


class Application:
    """One application of statements, over as many connections as it takes."""

    def __init__(self, statements: Sequence[Statement], replace: bool = False) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._replace = replace
        self._items = [(statement, definition_of(statement)) for statement in statements]
        self._run_already: set[int] = set()
        self._dropped: dict[str, tuple[Definition, Existing]] = {}

    def run(self, dsn: str) -> None:
        """Apply what is not applied yet; raises NotYetError and SqlFileError."""
        with closing(_connect(dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                self._run(cursor)

    def _run(self, cursor: Cursor) -> None:
        for number, (statement, definition) in enumerate(self._items):
            try:
                if definition is not None:
                    self._apply_definition(cursor, number, definition)
                elif number not in self._run_already and self._is_due(statement.file):
                    cursor.execute(statement.sql)
                    self._run_already.add(number)
            except psycopg2.Error as error:
                if cursor.connection.closed:
                    raise NotYetError(f"{statement.file.name}: {_first_line(error)}") from error
                if _FILE_MISSING in str(error):
                    raise NotYetError(
                        f"{statement.file.name}: {_missing_file(statement.sql)}"
                    ) from error
                self._restore(cursor)
                text = _one_line(error)
                if _NO_FILE_SOURCES in text:
                    text += "; this version has no file sources: see docs/materialize.md"
                raise SqlFileError(f"{statement.file.name}: {text}") from error

    def _is_due(self, file: Path) -> bool:
        """Return whether to run a statement that creates nothing, such as an INSERT.

        It belongs to the relations of its file, so it runs when one of them is new.
        """
        names = [
            definition.name
            for statement, definition in self._items
            if definition is not None and statement.file == file
        ]
        found = {self.outcomes.get(name) for name in names}
        return not names or bool(found & {Outcome.CREATED, Outcome.REPLACED})

    def _apply_definition(self, cursor: Cursor, number: int, definition: Definition) -> None:
        existing = find(cursor, definition)
        if existing is None:
            cursor.execute(definition.statement.sql)
            was_dropped = definition.name in self._dropped
            self.outcomes[definition.name] = Outcome.REPLACED if was_dropped else Outcome.CREATED
        elif is_same(cursor, definition, existing):
            self.outcomes.setdefault(definition.name, Outcome.UNCHANGED)
        elif existing.kind == "TABLE" and _has_rows(cursor, definition):
            self.outcomes[definition.name] = Outcome.NOT_EMPTY  # no file can bring them back
        elif self._replace or definition.may_replace:
            self._replace_existing(cursor, definition, existing, self._items[number + 1 :])
            self.outcomes[definition.name] = Outcome.REPLACED
        else:
            self.outcomes[definition.name] = Outcome.KEPT

    def _replace_existing(
        self,
        cursor: Cursor,
        definition: Definition,
        existing: Existing,
        later: Iterable[tuple[Statement, Definition | None]],
    ) -> None:
        """Replace in one step if nothing depends on it; otherwise drop it and its dependents.

        The dependents of the files are then missing, and are created in their turn. One that no
        file has makes the engine refuse to drop.
        """
        doomed = [(definition, existing)]
        for _, other in later:
            if other is not None and any(other.mentions(one) for one, _ in doomed):
                found = find(cursor, other)
                if found is not None:
                    doomed.append((other, found))
        is_view = "VIEW" in definition.kind and definition.kind == existing.kind
        if is_view and len(doomed) == 1:
            cursor.execute(definition.replacing_sql())
            return
        for one, found in reversed(doomed):
            # Recorded first: whatever fails from here on, it is restored if it is missing.
            self._dropped[one.name] = (one, found)
            _drop(cursor, one, found)
        cursor.execute(definition.statement.sql)

    def _restore(self, cursor: Cursor) -> None:
        """Create again, as they were, all relations that were dropped for a replacement."""
        order = [one.name for _, one in self._items if one is not None]
        dropped = sorted(self._dropped.values(), key=lambda item: order.index(item[0].name))
        for definition, _ in reversed(dropped):
            created = find(cursor, definition)
            if created is not None:
                _drop(cursor, definition, created)
        for _, existing in dropped:
            cursor.execute(existing.sql)
        self._dropped.clear()


def _has_rows(cursor: Cursor, definition: Definition) -> bool:
    cursor.execute(f"SELECT count(*) > 0 FROM {quote_view(definition.name)}")  # noqa: S608 -- quoted
    (found,) = cursor.fetchone()
    return bool(found)


def _drop(cursor: Cursor, definition: Definition, existing: Existing) -> None:
    cursor.execute(f"DROP {existing.catalog_kind} {quote_view(definition.name)}")


def _missing_file(sql: str) -> str:
    """Name the file that the engine cannot find: its own message does not."""
    for word, path in pairwise(tokenize(sql)):
        if word.text.upper() == "FILE" and path.token_type is TokenType.STRING:
            return f"the engine cannot find the source's file {path.text!r}"
    return "the engine cannot find a file that it names"


def _one_line(error: psycopg2.Error) -> str:
    """The words of the engine, with its hint and line, without the mark below that line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(line for line in lines if line.strip("^"))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
