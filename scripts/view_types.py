"""`scripts/types`: writes TypeScript types of the rows of views, from the engine's columns."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

import psycopg2

from viewstream.dsn import usable_dsn
from viewstream.engine import DEFAULT_DSN
from viewstream.names import parse_view, quote_view
from viewstream.protocol import Column, ProtocolError, distinct_columns
from viewstream.psycopg import connected

_BOOL, _INT8 = 16, 20
_NUMBERS = {21, 23, 700, 701}
"""int2, int4, float4 and float8, by the OIDs of PostgreSQL."""
_INT8_TYPES = {"number": "number | bigint", "bigint": "bigint", "string": "string"}
"""The type of an int8 in the library, by its option `int8`."""

Columns = Sequence[tuple[str, int]]
"""The columns of a view: name and OID of the type."""


def read_columns(dsn: str, views: Iterable[str]) -> dict[str, Columns]:
    """Return the columns of each view or part; raises psycopg2.Error and ProtocolError."""
    with connected(dsn) as connection:
        found: dict[str, Columns] = {}
        for name in map(parse_view, views):
            with connection.cursor() as cursor:
                whole = quote_view(name.view)
                cursor.execute(f"SELECT * FROM {whole} LIMIT 0")  # noqa: S608 -- quoted
                found[str(name)] = [
                    (column.name, column.type_code) for column in cursor.description or ()
                ]
        return found


def declare(views: Mapping[str, Columns], int8: str) -> str:
    """Return the declarations: an interface for each view's row, and one for all views."""
    names = _interface_names(views)
    rows = (_interface(names[view], columns, int8) for view, columns in views.items())
    fields = "".join(f"  {json.dumps(view)}: {names[view]};\n" for view in views)
    return (
        "// Written by scripts/types from the engine's columns. After an edit of the SQL, run it"
        " again.\n\n"
        + "\n".join(rows)
        + f"\n/** For `follow<Views>([..])`. */\nexport interface Views {{\n{fields}}}\n"
    )


def _interface_names(views: Iterable[str]) -> dict[str, str]:
    """Return a name in TypeScript for each view: `user_edits` becomes `UserEdits`."""
    names: dict[str, str] = {}
    for view in views:
        words = re.findall(r"[A-Za-z0-9]+", view)
        name = "".join(word[0].upper() + word[1:] for word in words)
        if not name or name[0].isdigit() or name == "Views":
            name = f"View{name}"
        taken = names.values()
        names[view] = name if name not in taken else f"{name}{len(names) + 1}"
    return names


def _interface(name: str, columns: Columns, int8: str) -> str:
    names = distinct_columns([Column(column, "") for column, _ in columns])
    fields = (
        f"  readonly {json.dumps(one.name, ensure_ascii=False)}: {_type_of(oid, int8)} | null;\n"
        for one, (_, oid) in zip(names, columns, strict=True)
    )
    return f"export type {name} = {{\n{''.join(fields)}}};\n"


def _type_of(oid: int, int8: str) -> str:
    if oid == _INT8:
        return _INT8_TYPES[int8]
    if oid == _BOOL:
        return "boolean"
    return "number" if oid in _NUMBERS else "string"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/types",
        description="Write TypeScript types of views' rows: scripts/types top10 > views.d.ts",
    )
    parser.add_argument("views", nargs="+", metavar="VIEW", help="NAME or SCHEMA.NAME, or a part")
    parser.add_argument(
        "--dsn",
        type=usable_dsn,
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine or Materialize (default: $VIEWSTREAM_DSN, or 127.0.0.1:6875)",
    )
    parser.add_argument(
        "--int8",
        choices=_INT8_TYPES,
        default="number",
        help="the page's option `int8` (%(default)s)",
    )
    return parser.parse_args(arguments)


def main() -> int:
    options = parse_arguments()
    try:
        views = read_columns(options.dsn, options.views)
    except (psycopg2.Error, ProtocolError) as error:
        problem, _, _ = str(error).strip().partition("\n")
        print(f"types: {problem}", file=sys.stderr)
        return 1
    sys.stdout.write(declare(views, options.int8))
    return 0


if __name__ == "__main__":
    sys.exit(main())
