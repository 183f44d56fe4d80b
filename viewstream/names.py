"""Names of views: `NAME` or `SCHEMA.NAME`, and their quoting. No I/O."""

from __future__ import annotations

from viewstream.protocol import ProtocolError


def split_view_name(view: str) -> tuple[str | None, str]:
    """Split `NAME` or `SCHEMA.NAME` into (schema, name); the schema may be None.

    The engine looks for a name without a schema along its search path. The name is the identifier
    itself, not SQL: no quotes, no folding to lower case. Raises ProtocolError for an empty part,
    for one part too many, and for a NUL.
    """
    parts = view.split(".")
    if len(parts) > 2 or not all(parts) or "\0" in view:
        raise ProtocolError(f"expected a view as NAME or SCHEMA.NAME, found {view!r}")
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])


def quote_identifier(name: str) -> str:
    """Quote `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quote_view(view: str) -> str:
    """Quote `view` (NAME or SCHEMA.NAME) for SQL; raises ProtocolError."""
    return ".".join(quote_identifier(part) for part in split_view_name(view) if part is not None)
