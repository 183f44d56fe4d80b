"""The state of a session between statements: settings, prepared statements, portals."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import SqlError
from engine.relation import Column
from engine.session.plan import Plan, SelectPlan, TailPlan
from engine.session.portal import Portal
from engine.session.settings import Settings
from engine.sql import statements as s

MAX_PREPARED = 1_000
MAX_PORTALS = 1_000


@dataclass(frozen=True)
class Prepared:
    """A prepared statement; `statement` and `plan` are None for one without text.

    `declared` are the oids of its parameters' types as the client gave them; `version` is the
    catalog's, for which the plan was made.
    """

    statement: s.Statement | None
    declared: tuple[int, ...]
    plan: Plan | None
    version: int
    is_long: bool = False
    """Whether planning it takes too long for the event loop."""

    @property
    def parameter_oids(self) -> list[int]:
        return [] if self.plan is None else [kind.oid for kind in self.plan.parameters]


@dataclass
class State:
    """The unnamed prepared statement and the unnamed portal are kept under ''."""

    settings: Settings = field(default_factory=Settings)
    prepared: dict[str, Prepared] = field(default_factory=dict)
    portals: dict[str, Portal] = field(default_factory=dict)

    def add_prepared(self, name: str, prepared: Prepared) -> None:
        if name and name in self.prepared:
            raise SqlError(f'prepared statement "{name}" already exists', "42P05")
        if len(self.prepared) >= MAX_PREPARED:
            raise SqlError(
                f"expected at most {MAX_PREPARED} prepared statements in a session", "53400"
            )
        self.prepared[name] = prepared

    def find_prepared(self, name: str) -> Prepared:
        prepared = self.prepared.get(name)
        if prepared is None:
            what = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise SqlError(f"{what} does not exist", "26000")
        return prepared

    def prepared_statement(self, name: str) -> tuple[s.Statement | None, tuple[int, ...]]:
        """The statement and the declared types of a prepared one; raises SqlError."""
        prepared = self.find_prepared(name)
        return prepared.statement, prepared.declared

    def add_portal(self, name: str, portal: Portal) -> None:
        """Keep a portal; the unnamed one replaces its predecessor."""
        if name and name in self.portals:
            raise SqlError(f'cursor "{name}" already exists', "42P03")
        if len(self.portals) >= MAX_PORTALS:
            raise SqlError(f"expected at most {MAX_PORTALS} cursors in a session", "53400")
        self.close_portal(name)
        self.portals[name] = portal

    def find_portal(self, name: str) -> Portal:
        portal = self.portals.get(name)
        if portal is None:
            raise SqlError(f'portal "{name}" does not exist', "34000")
        return portal

    def find_cursor(self, name: str) -> tuple[Portal, SelectPlan | TailPlan]:
        """A portal that can be read by FETCH, and its plan."""
        portal = self.portals.get(name)
        if portal is None or not isinstance(portal.plan, SelectPlan | TailPlan):
            raise SqlError(f'cursor "{name}" does not exist', "34000")
        return portal, portal.plan

    def cursor_columns(self, name: str) -> tuple[Column, ...]:
        return self.find_cursor(name)[1].columns

    def close_portal(self, name: str) -> None:
        portal = self.portals.pop(name, None)
        if portal is not None:
            portal.close()

    def close_portals(self) -> None:
        for name in list(self.portals):
            self.close_portal(name)
