"""Finds the views to serve, writes their list for the server, and describes their state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg2
import requests

from scripts.serving.plan import Plan
from scripts.sql_files.definitions import materialized_views
from scripts.sql_files.statements import read_statements
from scripts.text_query import text_query

_RELATIONS = "SELECT name FROM mz_objects WHERE id LIKE 'u%' AND type <> 'index' ORDER BY name"


def views_to_serve(plan: Plan) -> tuple[str, ...]:
    """Return the views of the plan as things are now; raises psycopg2.Error and SqlFileError."""
    if plan.views:
        return plan.views
    if plan.serves_all:
        return tuple(sorted(row[0] for row in text_query(plan.dsn, "SHOW MATERIALIZED VIEWS")))
    return materialized_views(read_statements(plan.sql, plan.variables))


def write_list(path: Path, views: Iterable[str]) -> bool:
    """Write the list of views that the server reads; return whether it has changed."""
    text = "".join(f"{view}\n" for view in views)
    if path.exists() and path.read_text("utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)  # the server never reads half a list
    return True


def describe_views(url: str, dsn: str) -> str:
    """Describe the state of all views, such as `top10 ok; nosuch: unknown view, ..`.

    Raises requests.RequestException.
    """
    response = requests.get(f"{url}/healthz", timeout=5)
    response.raise_for_status()
    views: Mapping[str, Mapping[str, Any]] = response.json()["views"]
    return "; ".join(_describe(name, view["problem"], dsn) for name, view in views.items()) or (
        "none: no materialized view is there yet"
    )


def _describe(name: str, problem: str | None, dsn: str) -> str:
    if problem is None:
        return f"{name} ok"
    if "unknown view" not in problem:
        return f"{name}: {problem}"
    try:
        others = ", ".join(row[0] for row in text_query(dsn, _RELATIONS))
    except psycopg2.Error:
        return f"{name}: unknown view"
    return f"{name}: unknown view, there are {others}" if others else f"{name}: unknown view"
