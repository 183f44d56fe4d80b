"""Names of views and of their parts, and their quoting. No I/O.

    top10, schema.top10            a view
    orders[tenant=42]              its part: the rows whose column `tenant` has the text 42
    orders[tenant='New York']      in quotes, which are doubled inside
    orders[tenant is null]         the rows whose column `tenant` is NULL

`tests/vectors/names.json` has every case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from viewstream.protocol import ProtocolError

_QUOTED_COLUMN = r'"(?:[^"]|"")+"'
_BARE_COLUMN = r"""[^\x00-\x20'"\[\]=,:]+"""
_QUOTED_VALUE = r"'(?:[^']|'')*'"
_BARE_VALUE = r"""[^\x00-\x20'"\[\],]+"""
_PART = re.compile(
    rf"(?P<view>[^\[]+)\[(?P<column>{_QUOTED_COLUMN}|{_BARE_COLUMN})"
    rf"(?:=(?P<value>{_QUOTED_VALUE}|{_BARE_VALUE})| +[iI][sS] +(?P<null>[nN][uU][lL][lL]))\]"
)
_COLUMN_OF_VIEW = re.compile(
    rf"(?P<view>.+):(?P<column>{_QUOTED_COLUMN}|{_BARE_COLUMN})", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a view whose `column` has the text `value`; None is NULL.

    The text is that of the protocol: what a TAIL prints. So `042` is another part than `42`, and
    has no rows if the column is an integer.
    """

    column: str
    value: str | None

    def __str__(self) -> str:
        column = _spell(self.column, _BARE_COLUMN, '"')
        if self.value is None:
            return f"[{column} is null]"
        return f"[{column}={_spell(self.value, _BARE_VALUE, chr(39))}]"


@dataclass(frozen=True, slots=True)
class ViewName:
    """The name of a view (`NAME` or `SCHEMA.NAME`), or of a part of it.

    `str` gives the one spelling that messages have: it is in quotes only where it must be.
    """

    view: str
    part: Part | None = None

    def __str__(self) -> str:
        return self.view if self.part is None else f"{self.view}{self.part}"


def parse_view(text: str) -> ViewName:
    """Parse the name of a view or of a part, in any spelling; raises ProtocolError."""
    if "[" not in text:
        split_view_name(text)
        return ViewName(text)
    match = _PART.fullmatch(text)
    if match is None or "\0" in text:
        raise ProtocolError(
            "expected a part of a view as VIEW[COLUMN=VALUE] or VIEW[COLUMN is null], the value "
            f"in 'quotes' if it has blanks, commas, quotes or brackets; found {text!r}"
        )
    split_view_name(match["view"])
    value = None if match["null"] is not None else _unquote(match["value"], "'")
    return ViewName(match["view"], Part(_unquote(match["column"], '"'), value))


def spell_view(text: str) -> str:
    """Return the one spelling of a name; a text that is no name is returned as it is."""
    try:
        return str(parse_view(text))
    except ProtocolError:
        return text


def part_of(view: str, column: str, value: str | int | None) -> str:
    """Return the name of the part of `view` whose `column` has the value; None is NULL."""
    return str(ViewName(view, Part(column, None if value is None else str(value))))


def parse_column_of_view(text: str) -> tuple[str, str]:
    """Parse `VIEW:COLUMN`, the column quoted as in the name of a part; raises ProtocolError."""
    match = _COLUMN_OF_VIEW.fullmatch(text)
    if match is None or "\0" in text:
        raise ProtocolError(f"expected VIEW:COLUMN, such as orders:tenant, found {text!r}")
    split_view_name(match["view"])
    return match["view"], _unquote(match["column"], '"')


def spell_column_of_view(view: str, column: str) -> str:
    """Return `VIEW:COLUMN` as `parse_column_of_view` reads it."""
    return f"{view}:{_spell(column, _BARE_COLUMN, chr(34))}"


def explain_column(view: str, column: str, count: int) -> str | None:
    """Return why a view with `count` columns of that name has no parts; None if it has."""
    if count == 1:
        return None
    found = "no column" if count == 0 else f"{count} columns"
    return f"the view {view!r} has {found} {column!r}, by which it would be served in parts"


def _spell(text: str, bare: str, quote: str) -> str:
    """Return `text` as it is if it matches `bare`, or else in quotes."""
    if re.fullmatch(bare, text):
        return text
    return quote + text.replace(quote, 2 * quote) + quote


def _unquote(text: str, quote: str) -> str:
    return text[1:-1].replace(2 * quote, quote) if text.startswith(quote) else text


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
