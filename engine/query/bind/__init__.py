"""The binder: from sqlglot's tree, where names are words, to a plan, where they are columns."""

from engine.query.bind.context import Bound, Context
from engine.query.bind.queries import bind_query

__all__ = ["Bound", "Context", "bind_query"]
