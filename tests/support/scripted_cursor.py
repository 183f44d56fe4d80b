"""Cursors over TAILs for `scripted_wire`: each FETCH gives what the test added."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Sequence

from tests.support.scripted_wire import BOOL, INT8, NUMERIC, Session

TAIL_COLUMNS = [("mz_timestamp", NUMERIC), ("mz_progressed", BOOL), ("mz_diff", INT8)]

TailRow = Sequence[str | None]


def row(time: int, diff: int, *values: str | None) -> TailRow:
    return (str(time), "f", str(diff), *values)


class ScriptedCursor:
    """Answers BEGIN, DECLARE and FETCH, of one TAIL at a time.

    `declared` has the TAILs' statements, `fetched` the counts of the FETCHes.
    """

    def __init__(self, columns: Sequence[tuple[str, int]]) -> None:
        self.declared: list[str] = []
        self.fetched: list[int] = []
        self.refusal: str | None = None
        """The error of each FETCH of a TAIL that is resumed."""
        self.error: str | None = None
        """The error of each FETCH."""
        self._columns = columns
        self._rows: deque[TailRow] = deque()
        self._has_ended = False
        self._changed = threading.Condition()

    def add(self, *rows: TailRow) -> None:
        """Let the TAIL have more rows."""
        with self._changed:
            self._rows += rows
            self._changed.notify_all()

    def progress(self, time: int) -> None:
        self.add((str(time), "t", None, *[None for _ in self._columns]))

    def end(self) -> None:
        """End the TAIL, and all later ones, after the rows that are left."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def begin_again(self) -> None:
        """Let later TAILs go on."""
        with self._changed:
            self._has_ended = False

    def answer(self, statement: str, session: Session) -> bool:
        """Answer a statement if it is one of a cursor's."""
        if statement == "BEGIN":
            session.tag("BEGIN")
        elif statement.startswith("DECLARE"):
            self.declared.append(statement.partition("CURSOR FOR ")[2])
            session.memory["is_resumed"] = "AS OF" in statement
            session.tag("DECLARE CURSOR")
        elif found := re.fullmatch(r"FETCH (\d+) c", statement):
            self._fetch(int(found[1]), session)
        else:
            return False
        return True

    def _fetch(self, count: int, session: Session) -> None:
        self.fetched.append(count)
        with self._changed:
            while not (session.is_gone or self._rows or self._has_ended or self._error_of(session)):
                self._changed.wait(0.05)
            if session.is_gone:
                session.wait_until_gone()
            if error := self._error_of(session):
                session.error(error)
                return
            taken = [self._rows.popleft() for _ in range(min(count, len(self._rows)))]
        session.rows([*TAIL_COLUMNS, *self._columns], taken)

    def _error_of(self, session: Session) -> str | None:
        return self.error or (self.refusal if session.memory["is_resumed"] else None)
