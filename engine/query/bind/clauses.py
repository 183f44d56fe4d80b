"""Refuses what the binder does not know: no clause is ever dropped in silence."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from engine.errors import SqlError, not_supported

_CLAUSES = {
    "windows": "WINDOW",
    "qualify": "QUALIFY",
    "sample": "TABLESAMPLE",
    "locks": "FOR UPDATE or FOR SHARE",
    "into": "SELECT INTO",
    "laterals": "LATERAL VIEW",
    "pivots": "PIVOT",
    "by_name": "a set operation BY NAME",
    "side": "a set operation with a side",
    "when": "AT or BEFORE",
}


def only(node: exp.Expr, known: Collection[str]) -> None:
    """Raise SqlError if the node has an argument other than the known ones."""
    for name, value in node.args.items():
        if name not in known and value not in (None, False, []):
            what = _CLAUSES.get(name) or f"{name.strip('_').replace('_', ' ').upper()}"
            raise not_supported(what)


def present(node: exp.Expr, name: str) -> exp.Expr | None:
    """An argument of the node, or None."""
    value = node.args.get(name)
    return value if isinstance(value, exp.Expr) else None


def no_windows(node: exp.Expr) -> None:
    if isinstance(node, exp.Window):
        raise not_supported(
            f"the window function {_word(node.this)}(..) OVER (..)",
            "for the first rows of each group use DISTINCT ON, or a LATERAL subquery with "
            "ORDER BY and LIMIT",
        )


def _word(node: exp.Expr) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else ""
    if not name and isinstance(node, exp.Func):
        name = node.sql_name()
    return (name or "function").lower()


def refuse(node: exp.Expr) -> SqlError:
    """The error for a kind of query or table expression that nothing here handles."""
    return not_supported(type(node).__name__.upper())
