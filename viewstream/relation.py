"""Finds the relation that a view names, and the epoch of its history. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from viewstream.names import quote_identifier, quote_literal, split_view_name
from viewstream.protocol import ProtocolError, parse_epoch

SEARCH_PATH_QUERY = "SHOW search_path"

SYSTEM_SCHEMAS = ("mz_catalog", "pg_catalog")
"""Schemas in which every engine looks first, whether its search path names them or not."""

RELATION_TYPES = "'source', 'table', 'view', 'materialized-view', 'materialized view'"
"""The types of objects that can be read, as versions spell them, as SQL."""

_UNKNOWN_RELATION = re.compile(r"unknown catalog item|relation .* does not exist")
_TIMESTAMPTZ = re.compile(
    r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?"
)


@dataclass(frozen=True)
class Relation:
    """A relation that the engine has now, by its full name, with the epoch of its history."""

    schema: str
    name: str
    epoch: str
    time: int | None = field(default=None, compare=False)
    """The engine's time when it answered, if it was asked."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The name as SQL."""
        return f"{quote_identifier(self.schema)}.{quote_identifier(self.name)}"


def parse_search_path(text: str) -> tuple[str, ...]:
    """Return the schemas, in order, in which the engine looks for a name without a schema."""
    named = (part.strip().strip('"') for part in text.split(","))
    return tuple(dict.fromkeys((*SYSTEM_SCHEMAS, *named)))


DEFAULT_SEARCH_PATH = parse_search_path("public")


def relation_query(view: str) -> str:
    """Return SQL for the rows that `find_relation` takes: all relations that `view` may name.

    Read it with type casters switched off. Raises ProtocolError.
    """
    schema, name = split_view_name(view)
    where = "" if schema is None else f" AND s.name = {quote_literal(schema)}"
    return (
        "SELECT pg_postmaster_start_time(), o.id, s.name"  # noqa: S608 -- both parts are quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE o.name = {quote_literal(name)}{where}"
        f" AND o.type IN ({RELATION_TYPES})"
    )


def relations_query(views: Iterable[str], clock: str) -> str:
    """Return SQL for the rows that `find_relation` takes, of many views.

    Each row has two values more: the name of its view, and the engine's time by `clock`.
    """
    names = sorted({split_view_name(view)[1] for view in views})
    return (
        f"SELECT pg_postmaster_start_time(), o.id, s.name, o.name, {clock}"  # noqa: S608 -- quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE o.name IN ({', '.join(map(quote_literal, names))})"
        f" AND o.type IN ({RELATION_TYPES})"
    )


def find_relation(
    view: str,
    answer: Sequence[Sequence[str]],
    search_path: Sequence[str] = DEFAULT_SEARCH_PATH,
) -> Relation:
    """Return the relation that `view` names, of the rows of `relation_query(view)`.

    A name without a schema is looked up as the engine does it: in the schemas of `search_path`, in
    order. Raises LookupError when there is no such relation, or more than one (in two databases),
    and ProtocolError when the answer has not the expected form.
    """
    schema, name = split_view_name(view)
    for candidate in search_path if schema is None else [schema]:
        found = [row for row in answer if row[2] == candidate]
        if len(found) > 1:
            raise LookupError(f"expected one relation named {view!r}, found {len(found)}")
        if found:
            return Relation(candidate, name, make_epoch(found[0][0], found[0][1]))
    raise LookupError(f"unknown view {view!r}")


def is_unknown_relation(error: str) -> bool:
    """Whether an engine's error says that there is no such relation."""
    return _UNKNOWN_RELATION.search(error) is not None


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
