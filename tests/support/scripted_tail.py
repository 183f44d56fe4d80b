"""Scenarios for `scripted_wire`: an engine of which only TAILs are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.scripted_wire import TEXT, TIMESTAMPTZ, Session

START = "2020-01-02 01:04:05.678901+00"
EPOCH = "1577927045678-u7"
"""The epoch of the object u7 of an engine that was started at START."""


def play(*pieces: bytes, wait: bool = True) -> Callable[[str, Session], None]:
    """A TAIL that gives these pieces, and then waits or ends."""

    def tail(_: str, session: Session) -> None:
        session.copy_begin(4)
        for piece in pieces:
            session.copy_data(piece)
        if wait:
            session.wait_until_gone()
        session.copy_end()

    return tail


def play_recording(data: bytes) -> Callable[[str, Session], None]:
    return play(*data.splitlines(keepends=True), wait=False)


@dataclass
class Engine:
    """Answers as Materialize does; each TAIL takes the next of `tails` (the last one stays)."""

    tails: list[Callable[[str, Session], None]]
    version: str = "v0.9.4 (0123456789)"
    schema: str = "public"
    ids: list[str] = field(default_factory=lambda: ["u7"])
    """The view's id at each asking; the last one stays, `` is no such view."""

    def __call__(self, statement: str, session: Session) -> None:
        if "mz_version" in statement:
            session.rows([("mz_version", TEXT)], [[self.version]])
        elif "mz_objects" in statement:
            name = self.ids.pop(0) if len(self.ids) > 1 else self.ids[0]
            columns = [("pg_postmaster_start_time", TIMESTAMPTZ), ("id", TEXT), ("name", TEXT)]
            session.rows(columns, [[START, name, self.schema]] if name else [])
        elif statement == "SHOW search_path":
            session.rows([("search_path", TEXT)], [["public"]])
        elif statement.startswith("COPY"):
            tail = self.tails.pop(0) if len(self.tails) > 1 else self.tails[0]
            tail(statement, session)
        else:
            session.error(f"Expected a statement, found {statement}", "42601")
