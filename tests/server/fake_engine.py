"""An engine with one view whose rows, time and epoch a test sets, behind a real wire protocol."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from tests.support.scripted_cursor import ScriptedCursor
from tests.support.scripted_wire import (
    BOOL,
    INT8,
    NUMERIC,
    TEXT,
    TIMESTAMPTZ,
    ScriptedWire,
    Session,
    answer_epochs,
)
from viewstream.checksum import checksum
from viewstream.dialect import dialect_of
from viewstream.protocol import Base, Column, Row
from viewstream.relation import make_epoch

START = "2026-11-22 20:00:00.123456+00"
COLUMNS = [("user", TEXT), ("count", INT8)]


class FakeEngine(ScriptedWire):
    """One view, of any name. Change the attributes to change what is answered from now on."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(self._answer, port)
        self.rows: Sequence[Row] = [("Alice", "12"), ("Bob", "9")]
        self.columns = COLUMNS
        self.time: str | Callable[[], str] = "1000"
        self.clock = "4000000000000"
        """The time of every answer about epochs: so late that posts may have any time."""
        self.start = START
        self.id = "u7"
        self.schema = "public"
        self.error: str | None = None
        """The error of every SELECT of the view."""
        self.is_known = True
        self.version = "v0.26.4 (scripted)"
        self.tail = ScriptedCursor(self.columns)
        """The TAIL of the view, for servers that read it themselves."""
        self.epoch_queries = 0
        self.counts = 0
        """Counts of the rows, for the list of views."""
        self.reads = 0
        """Reads of the rows."""
        self.go_on = threading.Event()
        """Cleared: no read of the rows is answered until it is set again."""
        self.go_on.set()
        self.thawed = threading.Event()
        """Cleared: nothing at all is answered until it is set again."""
        self.thawed.set()

    @property
    def epoch(self) -> str:
        return make_epoch(self.start, self.id)

    def base(self, view: str) -> Base:
        """The base message that the server should make of the present rows."""
        names = {TEXT: "text", INT8: "int8"}
        columns = [Column(name, names[oid]) for name, oid in self.columns]
        rows = list(self.rows)
        total = checksum((1, row) for row in rows)
        return Base(view, self.epoch, int(self._time()) + 1, columns, rows, total)

    def _answer_description(self, statement: str, session: Session) -> bool:
        """Answer what is asked for the list of views; return whether it was that."""
        if statement.startswith("SELECT count(*) FROM"):
            self.counts += 1
            if self.error is not None:
                session.error(self.error)
            else:
                session.rows([("count", INT8)], [(str(len(self.rows)),)])
        elif statement.startswith("SELECT type FROM mz_objects"):
            session.rows([("type", TEXT)], [("materialized-view",)])
        elif statement.endswith(" LIMIT 0"):
            session.rows(self.columns, [])
        elif statement.startswith("SHOW CREATE"):
            session.rows([("name", TEXT), ("sql", TEXT)], [("top10", f"-- {statement}")])
        else:
            return False
        return True

    def _time(self) -> str:
        return self.time() if callable(self.time) else self.time

    def _answer(self, statement: str, session: Session) -> None:
        self.thawed.wait()
        if "mz_version" in statement:
            session.rows([("mz_version", TEXT)], [(self.version,)])
            return
        if statement == "SHOW search_path":
            session.rows([("search_path", TEXT)], [("public",)])
            return
        if self.tail.answer(statement, session):
            return
        if self._answer_description(statement, session):
            return
        if "mz_objects" in statement:
            self.epoch_queries += 1
            epoch = (self.start, self.id) if self.is_known else None
            answer_epochs(statement, session, lambda _: epoch, self.schema, self.clock)
            return
        assert dialect_of(self.version).clock in statement, f"unknown function in {statement}"
        if "JOIN" not in statement:
            self.reads += 1
        most = int(statement.rpartition(" LIMIT ")[2])
        rows, time = list(self.rows)[:most], self._time()
        self.go_on.wait()
        if self.error is not None:
            session.error(self.error)
        elif "JOIN" in statement:
            # A view that is empty gives a row of NULLs here.
            there = [(time, self.start, "t", *row) for row in rows]
            nothing = (time, self.start, None, *[None for _ in self.columns])
            extra = [("time", NUMERIC), ("start", TIMESTAMPTZ), ("present", BOOL)]
            session.rows([*extra, *self.columns], there or [nothing])
        elif "GROUP BY" in statement:
            weights = Counter(self.rows)
            extra = [("time", NUMERIC), ("start", TIMESTAMPTZ), ("count", INT8)]
            columns = [(f"c{number}", oid) for number, (_, oid) in enumerate(self.columns)]
            there = [(time, self.start, str(n), *row) for row, n in weights.items()]
            session.rows([*extra, *columns], there[:most])
        else:
            extra = [("time", NUMERIC), ("start", TIMESTAMPTZ)]
            session.rows([*extra, *self.columns], [(time, self.start, *row) for row in rows])
