"""Names of views: `NAME` or `SCHEMA.NAME`, and the SQL that names exactly that view. No I/O."""

from __future__ import annotations

from viewstream.protocol import ProtocolError

DEFAULT_SCHEMA = "public"


def split_view_name(view: str) -> tuple[str, str]:
    """Split `NAME` or `SCHEMA.NAME` into (schema, name); the schema defaults to `public`.

    The name is the identifier itself, not SQL: no quotes, no folding to lower case. Raises
    ProtocolError for an empty part, for one part too many, and for a NUL.
    """
    parts = view.split(".")
    if len(parts) > 2 or not all(parts) or "\0" in view:
        raise ProtocolError(f"expected a view as NAME or SCHEMA.NAME, found {view!r}")
    return (parts[0], parts[1]) if len(parts) == 2 else (DEFAULT_SCHEMA, parts[0])


def quote_identifier(name: str) -> str:
    """Quote `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quote_view(view: str) -> str:
    """Quote `view` (NAME or SCHEMA.NAME) for SQL; raises ProtocolError."""
    return ".".join(map(quote_identifier, split_view_name(view)))
