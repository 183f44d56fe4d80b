"""`scripts/watch URL VIEW..`: a live table of each view in the terminal, by the Python client.

Where the output is no terminal, each row that comes or goes is one line of JSON instead, and stderr
gets a line when a view is not live, with the reason, and when it is again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from viewstream.client import FollowError, Standing, Stream, View, follow
from viewstream.names import parse_view
from viewstream.protocol import ProtocolError
from viewstream.urls import DEFAULT_URL, is_server_url

FRAMES = 10
"""Renderings a second at most."""
ROWS = 20
"""Rows of each view that are shown by default."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/watch",
        description="Show views of a server in the terminal, live.",
        epilog="A server with --reader-key wants a token: VIEWSTREAM_READER_TOKEN.",
    )
    parser.add_argument("url", metavar="URL", help=f"the server, such as {DEFAULT_URL}")
    parser.add_argument(
        "views",
        nargs="+",
        metavar="VIEW",
        help="NAME or SCHEMA.NAME, or a part: NAME[COLUMN=VALUE]",
    )
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="order of the rows; --sort=-COLUMN: descending (default: by all columns)",
    )
    parser.add_argument(
        "--rows", type=int, default=ROWS, metavar="N", help="of each view (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if not is_server_url(options.url):
        parser.error(f"expected a server such as {DEFAULT_URL}, found {options.url!r}")
    try:
        for view in options.views:
            parse_view(view)
    except ProtocolError as error:
        parser.error(str(error))
    return options


def render(view: View, sort: str | None, most: int) -> Table:
    """Return the table of one view as it is now."""
    rows = sort_rows(view.rows(), sort)
    shown = f"{len(rows):,} rows" if len(rows) <= most else f"{most:,} of {len(rows):,} rows"
    state = view.standing
    caption = f"{shown}, {state.state}" + (f": {state.reason}" if state.reason else "")
    table = Table(title=Text(view.name), caption=Text(caption), title_justify="left")
    for column in view.columns:
        is_number = column.type.startswith(("int", "float", "numeric"))
        table.add_column(Text(column.name), justify="right" if is_number else "left")
    for row in rows[:most]:
        table.add_row(*(_cell(row[column.name]) for column in view.columns))
    return table


def sort_rows(rows: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    """Sort by one column, descending if its name has a `-` before it, and then by all columns.

    NULL comes last. A column that the view does not have is ignored: another view may have it.
    """
    rows = sorted(rows, key=lambda row: [_key(value) for value in row.values()])
    if sort is None:
        return rows
    name = sort.removeprefix("-")
    found = [row for row in rows if row.get(name) is not None]
    others = [row for row in rows if row.get(name) is None]
    found.sort(key=lambda row: _key(row[name]), reverse=sort.startswith("-"))
    return found + others


def _key(value: Any) -> tuple[bool, Any]:
    return value is None, "" if value is None else value


def _cell(value: Any) -> Text:
    # As Text, never as a string: rich would read [brackets] in it as markup.
    return Text("NULL", style="dim") if value is None else Text(str(value))


async def show_tables(stream: Stream, options: argparse.Namespace, console: Console) -> None:
    """Show the tables until cancelled; raises FollowError."""

    def tables() -> Group:
        return Group(*(render(stream[name], options.sort, options.rows) for name in options.views))

    with Live(tables(), console=console, auto_refresh=False) as live:
        while True:
            live.update(tables(), refresh=True)
            for name in options.views:
                view = stream[name]
                if view.standing.state in ("refused", "closed"):
                    raise FollowError(f"{name}: {view.standing.reason}")
            await asyncio.sleep(1 / FRAMES)


async def print_changes(view: View) -> None:
    """Print each row that comes or goes as a line of JSON until cancelled; raises FollowError."""
    async for change in view:
        for sign, rows in (("-", change.deleted), ("+", change.inserted)):
            for row in rows:
                line = {"view": view.name, "change": sign, "row": row}
                print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


async def report_standings(stream: Stream) -> None:
    """Report on stderr when a view is not live, and when it is again, until cancelled."""
    last = {name: Standing("live") for name in stream.views}
    while True:
        for name, view in stream.views.items():
            standing = view.standing
            is_beginning = standing.state in ("connecting", "waiting") and not standing.reason
            if standing != last[name] and not is_beginning:
                reason = standing.reason and f": {standing.reason}"
                print(f"watch: {name}: {standing.state}{reason}", file=sys.stderr)
                last[name] = standing
        await asyncio.sleep(1 / FRAMES)


async def watch(options: argparse.Namespace) -> None:
    """Follow the views until cancelled; raises FollowError."""
    console = Console()
    token = os.environ.get("VIEWSTREAM_READER_TOKEN")
    ask = None if token is None else lambda: token
    async with follow(options.url, *options.views, token=ask) as stream:
        if console.is_terminal:
            await show_tables(stream, options, console)
        else:
            printing = [print_changes(stream[name]) for name in options.views]
            await asyncio.gather(report_standings(stream), *printing)


def main() -> int:
    options = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell ignores SIGINT for a job
        signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        asyncio.run(watch(options))
    except FollowError as error:
        print(f"watch: {str(error).strip()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
