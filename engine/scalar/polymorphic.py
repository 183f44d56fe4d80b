"""Functions whose types depend on their arguments' types, which no signature can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from engine.errors import SqlError
from engine.scalar.casts import cast
from engine.scalar.nodes import Call, Constant, Node, Session
from engine.scalar.registry import Function
from engine.types import (
    INTERVAL,
    NUMERIC,
    TEXT,
    TIMESTAMPTZ,
    UNKNOWN,
    SqlType,
)

Builder: TypeAlias = Callable[[list[Node], SqlType | None], Node]
POLYMORPHIC: dict[str, Builder] = {}


def polymorphic(*names: str) -> Callable[[Builder], Builder]:
    """Make a builder known under these names."""

    def register(build: Builder) -> Builder:
        POLYMORPHIC.update(dict.fromkeys(names, build))
        return build

    return register


def no_such_function(name: str, arguments: list[Node]) -> SqlError:
    shown = ", ".join(argument.type.sql_name for argument in arguments)
    return SqlError(f"function {name}({shown}) does not exist", "42883")


def expect(name: str, arguments: list[Node], *counts: int) -> None:
    """Raise SqlError unless there are as many arguments as one of `counts`."""
    if len(arguments) not in counts:
        raise no_such_function(name, arguments)


def settle(node: Node) -> Node:
    """The node as text, if nothing tells the type of a quoted literal."""
    return cast(node, TEXT) if node.type is UNKNOWN else node


# Session functions

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
    """A function of no arguments that does nothing here: there are no locks to let go."""
    expect("pg_advisory_unlock_all", arguments, 0)
    return Constant(TEXT, "")


POLYMORPHIC["pg_advisory_unlock_all"] = _nothing


# GREATEST and LEAST


def _extreme(type_: SqlType, largest: bool) -> Callable[..., Any]:
    def key(value: Any) -> Any:
        return type_.sort_key(value)

    pick: Callable[..., Any] = max if largest else min

    def call(*values: Any) -> Any:
        present = [value for value in values if value is not None]
        return pick(present, key=key) if present else None

    return call


def _extreme_builder(name: str) -> Builder:
    functions: dict[SqlType, Function] = {}

    def build(arguments: list[Node], _: SqlType | None) -> Node:
        type_ = arguments[0].type
        function = functions.get(type_)
        if function is None:
            call = _extreme(type_, name == "greatest")
            function = Function(name, (type_,), type_, call, strict=False, gives_null=True)
            functions[type_] = function
        return Call(type_, function, tuple(arguments))

    return build


for _name in ("greatest", "least"):
    POLYMORPHIC[_name] = _extreme_builder(_name)
