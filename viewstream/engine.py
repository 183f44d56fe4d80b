"""SQL and connection options for every engine: Materialize of any version, or `engine/`. No I/O.

The scripts and the server say the same things to an engine, by psycopg2 and by momoko; what they
say is written here once: where the engine is, which epoch a view has, and how one version
spells what another spells differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from viewstream.names import quote_literal, quote_view, split_view_name
from viewstream.protocol import ProtocolError, parse_epoch

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

VERSION_QUERY = "SELECT mz_version()"

SUBSCRIBE_SINCE = (0, 27)
PROGRESS_AT_AS_OF_SINCE = (0, 50)

_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_TIMESTAMPTZ = re.compile(
    r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?"
)


@dataclass(frozen=True)
class Dialect:
    """How one version of the engine spells what versions spell differently."""

    tail: str
    """The statement that streams changes: TAIL, and SUBSCRIBE from v0.27 on."""
    clock: str
    """The function that gives the time of a SELECT: mz_logical_timestamp(), mz_now() since."""
    progress_offset: int
    """What to add to the time of the first progress row to get the stream's lower bound.

    From v0.50 on that row is at the AS OF itself, whose updates a stream without snapshot omits.
    """

    def copy_statement(self, view: str, *, snapshot: bool = False, as_of: int | None = None) -> str:
        """Return the COPY that streams the changes of `view`; raises ProtocolError."""
        time = "" if as_of is None else f" AS OF {as_of}"
        options = f"SNAPSHOT = {str(snapshot).lower()}, PROGRESS"
        return f"COPY ({self.tail} {quote_view(view)} WITH ({options}){time}) TO STDOUT"

    def base_query(self, view: str) -> str:
        """Return SQL for (time, start time of the engine, values of a row) of each row.

        An empty view gives no row and so no time: then ask `empty_base_query`.
        """
        return (
            f"SELECT {self.clock}, pg_postmaster_start_time(), *"  # noqa: S608 -- quoted
            f" FROM {quote_view(view)}"
        )

    def empty_base_query(self, view: str) -> str:
        """Return SQL for (time, start time, whether this is a row of the view, its values).

        It is slower than `base_query` and always gives at least one row: where the view has none,
        one whose third value is NULL.
        """
        return (
            f"SELECT {self.clock}, pg_postmaster_start_time(), r.*"  # noqa: S608 -- quoted
            " FROM (SELECT true) AS one"
            f" LEFT JOIN (SELECT true AS present, * FROM {quote_view(view)}) AS r ON true"
        )


def connection_options(
    dsn: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return libpq's options for a parsed DSN, with our defaults where it says nothing.

    `options` are merged, not replaced: those of the DSN, or else of PGOPTIONS in `environment`
    (which libpq would ignore now), come last and so prevail.
    """
    theirs = dsn.get("options", (environment or {}).get("PGOPTIONS", ""))
    return {**NETWORK_OPTIONS, **dsn, "options": f"{QUIET} {theirs}".rstrip()}


def parse_version(text: str) -> tuple[int, int]:
    """Return (major, minor) of what `mz_version()` gives; raises ProtocolError."""
    match = _VERSION.match(text)
    if match is None:
        raise ProtocolError(f"expected a version such as v0.26.4 from mz_version(), found {text!r}")
    return int(match[1]), int(match[2])


def dialect_of(version: str) -> Dialect:
    """Return the dialect of an engine whose `mz_version()` is `version`; raises ProtocolError."""
    parsed = parse_version(version)
    is_renamed = parsed >= SUBSCRIBE_SINCE
    return Dialect(
        tail="SUBSCRIBE" if is_renamed else "TAIL",
        clock="mz_now()" if is_renamed else "mz_logical_timestamp()",
        progress_offset=int(parsed >= PROGRESS_AT_AS_OF_SINCE),
    )


def epoch_query(view: str) -> str:
    """Return SQL for the rows (start time, object id) of the relations named `view`.

    Read it with type casters switched off: `epoch_of` takes the values' text. No row means that
    there is no such view. Raises ProtocolError.
    """
    schema, name = map(quote_literal, split_view_name(view))
    return (
        "SELECT pg_postmaster_start_time(), o.id"  # noqa: S608 -- both parts are quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE s.name = {schema} AND o.name = {name}"
        " AND o.type IN ('source', 'table', 'view', 'materialized-view', 'materialized view')"
    )


def epoch_of(view: str, answer: Sequence[Sequence[str]]) -> str:
    """Return the epoch that the rows of `epoch_query(view)` give.

    Raises LookupError when there is no such view or when several have the name, and
    ProtocolError when the answer has not the expected form.
    """
    if not answer:
        raise LookupError(f"unknown view {view!r}")
    if len(answer) > 1:
        raise LookupError(f"expected one relation named {view!r}, found {len(answer)}")
    return make_epoch(*answer[0])


def make_epoch(postmaster_start_time: str, object_id: str) -> str:
    """Make the epoch of the object `object_id` in the engine that started at that time.

    `postmaster_start_time` is the text of a timestamptz, as `pg_postmaster_start_time()`
    prints it in whatever time zone; it is floored to milliseconds. Another start of the engine
    gives another epoch, and so does an object that was created again. Raises ProtocolError.
    """
    match = _TIMESTAMPTZ.fullmatch(postmaster_start_time)
    if match is None:
        raise ProtocolError(
            "expected a timestamptz such as 2020-01-02 01:04:05.678+00, "
            f"found {postmaster_start_time!r}"
        )
    day, clock, fraction, hours, minutes, seconds = match.groups(default="")
    zone = f"{hours}:{minutes or '00'}:{seconds or '00'}"
    start = datetime.fromisoformat(f"{day} {clock}.{fraction[1:]:0<6}{zone}").astimezone(UTC)
    since = start - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return parse_epoch(f"{milliseconds}-{object_id}")
