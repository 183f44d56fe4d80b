"""Functions whose values belong to the engine, the session or the transaction.

`prepare.py` replaces them by their values.
"""

from __future__ import annotations

from engine.scalar.nodes import Constant, Node, Session
from engine.scalar.polymorphic import POLYMORPHIC, Builder, expect
from engine.types import INTERVAL, NUMERIC, TEXT, TIMESTAMPTZ, SqlType

_SESSION: dict[str, tuple[str, SqlType]] = {
    "now": ("now", TIMESTAMPTZ),
    "current_timestamp": ("now", TIMESTAMPTZ),
    "transaction_timestamp": ("now", TIMESTAMPTZ),
    "mz_logical_timestamp": ("mz_logical_timestamp", NUMERIC),
    "mz_now": ("mz_logical_timestamp", NUMERIC),
    "pg_postmaster_start_time": ("pg_postmaster_start_time", TIMESTAMPTZ),
    "mz_uptime": ("mz_uptime", INTERVAL),
    "mz_version": ("mz_version", TEXT),
    "version": ("version", TEXT),
    "current_database": ("current_database", TEXT),
    "current_catalog": ("current_database", TEXT),
    "current_schema": ("current_schema", TEXT),
    "current_user": ("current_user", TEXT),
    "session_user": ("current_user", TEXT),
    "current_role": ("current_user", TEXT),
    "user": ("current_user", TEXT),
}


def _session(name: str) -> Builder:
    inner, type_ = _SESSION[name]

    def build(arguments: list[Node], _: SqlType | None) -> Node:
        expect(name, arguments, 0)
        return Session(type_, inner)

    return build


for _name in _SESSION:
    POLYMORPHIC[_name] = _session(_name)


def _nothing(arguments: list[Node], _: SqlType | None) -> Node:
    """A function without arguments that does nothing: there are no locks to release."""
    expect("pg_advisory_unlock_all", arguments, 0)
    return Constant(TEXT, "")


POLYMORPHIC["pg_advisory_unlock_all"] = _nothing
