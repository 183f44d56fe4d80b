"""Options of connections to any engine, and the meaning of its errors. No I/O.

The SQL that an engine is asked is in `dialect.py` and `relation.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DEFAULT_DSN = "host=127.0.0.1 port=6875 user=materialize dbname=materialize"
"""Where Materialize and the embedded engine listen unless they were configured otherwise."""

NETWORK_OPTIONS = {
    "connect_timeout": "10",
    # A connection to a machine that vanished fails within about 20 s, whether idle or not.
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Options of libpq for a connection that lasts: defaults, which a DSN may override."""

QUIET = "-c client_min_messages=warning"
"""Keeps the greeting out of our logs: today's Materialize sends 11 NOTICEs to each connection."""

_NOT_INDEXED = "unable to automatically determine a query timestamp"
"""The error of v0.26 for a SELECT of a view that is neither materialized nor indexed."""

_UNFIT_VALUE = re.compile(r"invalid input syntax for|out of range|malformed|invalid value")


def connection_options(
    dsn: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return libpq's options for a parsed DSN, with our defaults for those it lacks.

    `options` are merged, not replaced: those of the DSN, or else of PGOPTIONS in `environment`
    (which libpq would ignore now), come last and so prevail.
    """
    theirs = dsn.get("options", (environment or {}).get("PGOPTIONS", ""))
    return {**NETWORK_OPTIONS, **dsn, "options": f"{QUIET} {theirs}".rstrip()}


def explain(view: str, error: str) -> str | None:
    """Return a clearer sentence for an engine's error, with a remedy; None if there is none."""
    if _NOT_INDEXED in error:
        return f"{view} is a plain view: make it materialized, or give it an index"
    return None


def is_unfit_value(error: str, value: str | None) -> bool:
    """Whether an engine's error says that the text is no value of a column's type."""
    is_named = value is not None and f'"{value}"' in error
    return is_named and _UNFIT_VALUE.search(error) is not None
