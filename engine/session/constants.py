"""Functions about the session itself, replaced by their values when a query is planned."""

from __future__ import annotations

from typing import TypeVar, cast

from sqlglot import exp

from engine.errors import SqlError
from engine.session.settings import Settings
from engine.sql.catalog_functions import SETTING, catalog_expression

T = TypeVar("T", bound=exp.Expr)

_FUNCTIONS = {"current_setting", "pg_backend_pid"}


def with_session_constants(tree: T, settings: Settings, process_id: int) -> T:
    """The tree with the session's values; raises SqlError for a setting that is unknown."""
    if not any(_is_about_session(node) for node in tree.find_all(exp.Anonymous)):
        return tree

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Anonymous) or not _is_about_session(node):
            return node
        if node.name.lower() == "pg_backend_pid":
            return exp.Literal.number(process_id)
        return _setting(node, settings)

    return cast(T, tree.copy().transform(replace))


def _is_about_session(call: exp.Anonymous) -> bool:
    return call.name.lower() in _FUNCTIONS


def _setting(call: exp.Anonymous, settings: Settings) -> exp.Expr:
    if not 1 <= len(call.expressions) <= 2:
        raise SqlError("function current_setting takes a name, and whether it may be missing")
    name, *missing_ok = call.expressions
    if not name.is_string:
        return catalog_expression(SETTING, [name])
    if not settings.has(name.name) and missing_ok and missing_ok[0].this is True:
        return _text(exp.Null())
    return _text(exp.Literal.string(settings.get(name.name)))


def _text(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType.build("text", "postgres"))
