"""The binder: turns sqlglot's tree, which has names, into a plan, which has numbered columns."""

from engine.query.bind.queries import QueryBinder

__all__ = ["QueryBinder"]
