"""A scripted engine with a memory: it answers the whole pipeline as Materialize v0.9.4 does.

Views are plain lists of updates that a test writes. What matters is what was seen of a real one:
after a restart everything gets new times, and a TAIL `AS OF` a time before it is accepted and
gives every row once more; a TAIL of a view that was replaced goes on with the old one for ever.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.scripted_cursor import TAIL_COLUMNS
from tests.support.scripted_wire import (
    NUMERIC,
    TEXT,
    TIMESTAMPTZ,
    ScriptedWire,
    Session,
    answer_epochs,
)
from viewstream.protocol import Row

TICK = 0.05
_CLOCKS = [("mz_logical_timestamp", NUMERIC), ("pg_postmaster_start_time", TIMESTAMPTZ)]


@dataclass
class _View:
    id: str
    columns: list[tuple[str, int]]
    updates: list[tuple[int, int, Row]] = field(default_factory=list)

    def rows(self) -> Counter[Row]:
        counts: Counter[Row] = Counter()
        for _, diff, row in self.updates:
            counts[row] += diff
        return +counts


class ScriptedMaterialize:
    """The engine; `wire` is where clients reach it. Use as a context manager.

    `write`, `replace` and `restart` are what the test does to it, from its own thread.
    """

    def __init__(self) -> None:
        self.wire = ScriptedWire(self._answer)
        self._lock = threading.RLock()
        self._views: dict[str, _View] = {}
        self._last_time = 0
        self._next_id = 1
        self._start = self._start_time()

    @property
    def dsn(self) -> str:
        return self.wire.dsn

    def create(self, name: str, *columns: str) -> None:
        """A new view, or another one under a name that is taken."""
        with self._lock:
            self._views[name] = _View(f"u{self._next_id}", [(column, TEXT) for column in columns])
            self._next_id += 1

    def write(self, name: str, *changes: tuple[int, Row]) -> None:
        """Make (diff, row) changes at one new time."""
        with self._lock:
            now = self._time()
            self._views[name].updates += [(now, diff, row) for diff, row in changes]

    def rows(self, name: str) -> Counter[Row]:
        with self._lock:
            return self._views[name].rows()

    def restart(self) -> None:
        """Lose every connection and read all sources again: the same rows, with new times."""
        with self._lock:
            time.sleep(0.002)  # another millisecond, so that the start time is another one
            self._start = self._start_time()
            for name, view in self._views.items():
                now = self._time()
                updates = [(now, count, row) for row, count in view.rows().items()]
                self._views[name] = _View(view.id, view.columns, updates)
        self.wire.lose_all()

    def _start_time(self) -> str:
        now = datetime.now(UTC)
        return now.strftime("%Y-%m-%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}+00"

    def _time(self) -> int:
        """A new time: the wall clock's, but always a later one."""
        self._last_time = max(self._last_time + 1, time.time_ns() // 1_000_000)
        return self._last_time

    def _answer(self, statement: str, session: Session) -> None:
        if statement.startswith("COPY"):
            self._tail(statement, session)
        elif statement == "BEGIN":
            session.tag("BEGIN")
        elif statement.startswith("DECLARE"):
            self._declare(statement, session)
        elif statement.startswith("FETCH"):
            session.rows(session.memory["columns"], next(session.memory["changes"]))
        elif "mz_version" in statement:
            session.rows([("mz_version", TEXT)], [["v0.9.4 (scripted)"]])
        elif statement == "SHOW search_path":
            session.rows([("search_path", TEXT)], [["public"]])
        elif "mz_objects" in statement:
            self._epoch(statement, session)
        elif "mz_logical_timestamp" in statement:
            self._base(statement, session)
        else:
            session.error(f"Expected something that is scripted, found {statement}", "42601")

    def _epoch(self, statement: str, session: Session) -> None:
        with self._lock:
            start = self._start
            ids = {name: view.id for name, view in self._views.items()}
        if " IN (" in statement.partition("o.name")[2].partition("AND")[0]:
            known = {name: (start, id_) for name, id_ in ids.items()}
            answer_epochs(statement, session, known.get)
            return
        found = re.search(r"o\.name = '([^']+)'", statement)
        assert found is not None
        rows = [[start, ids[found[1]], "public"]] if found[1] in ids else []
        session.rows([_CLOCKS[1], ("id", TEXT), ("name", TEXT)], rows)

    def _base(self, statement: str, session: Session) -> None:
        view = self._named(statement, session)
        if view is None:
            return
        with self._lock:
            clocks: list[str | None] = [str(self._time()), self._start]
            rows = list(view.rows().elements())
        if "LEFT JOIN" in statement:
            present = [[*clocks, "t", *row] for row in rows]
            absent = [[*clocks, None, *[None] * len(view.columns)]]
            session.rows([*_CLOCKS, ("present", TEXT), *view.columns], present or absent)
        else:
            session.rows([*_CLOCKS, *view.columns], [[*clocks, *row] for row in rows])

    def _tail(self, statement: str, session: Session) -> None:
        view = self._named(statement, session)
        if view is None:
            return
        session.copy_begin(3 + len(view.columns))
        for rows in self._changes(view, statement):
            for row in rows:
                values = "\t".join(r"\N" if value is None else value for value in row)
                session.copy_data(f"{values}\n".encode())

    def _declare(self, statement: str, session: Session) -> None:
        view = self._named(statement, session)
        if view is not None:
            session.memory["columns"] = [*TAIL_COLUMNS, *view.columns]
            session.memory["changes"] = self._changes(view, statement)
            session.tag("DECLARE CURSOR")

    def _changes(self, view: _View, statement: str) -> Iterator[list[Sequence[str | None]]]:
        """The rows of a TAIL, tick by tick: changes after its AS OF, and progress.

        It is the object that was looked up at the beginning, even if another one has its name now.
        """
        found = re.search(r"AS OF (\d+)", statement)
        with self._lock:
            as_of = int(found[1]) if found else self._time()
        while True:
            with self._lock:
                now = self._time()
                updates = [update for update in view.updates if update[0] > as_of]
            rows = [(str(at), "f", str(diff), *row) for at, diff, row in updates]
            yield [*rows, (str(now), "t", None, *[None] * len(view.columns))]
            as_of = max([as_of, *(update[0] for update in updates)])
            time.sleep(TICK)

    def _named(self, statement: str, session: Session) -> _View | None:
        found = re.search(r'"public"\."([^"]+)"', statement)
        assert found is not None
        with self._lock:
            view = self._views.get(found[1])
        if view is None:
            session.error(f"unknown catalog item '{found[1]}'")
        return view

    def __enter__(self) -> ScriptedMaterialize:
        self.wire.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.wire.__exit__(None, None, None)
