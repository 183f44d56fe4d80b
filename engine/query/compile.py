"""The way from a parsed query to a plan that can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.query.query import Query
from engine.relation import Resolver

if TYPE_CHECKING:
    from engine.scalar import Environment


def compile_query(
    tree: exp.Query, resolver: Resolver, environment: Environment, *, maintained: bool
) -> Query:
    """Bind, check and plan a query.

    `maintained` says that its result is kept up to date as its inputs change (a view, a TAIL), as
    opposed to a SELECT that is answered once. Raises SqlError for what is wrong or not supported.
    """
    raise NotImplementedError
