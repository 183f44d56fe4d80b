"""From a parsed query to a running dataflow: names bound, subqueries unnested, plans lowered."""

from engine.query.compile import compile_query
from engine.query.query import Query

__all__ = ["Query", "compile_query"]
