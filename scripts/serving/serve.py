"""`scripts/serve`: your own views, live in your own page, by one command."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.child import ROOT
from scripts.ports import PortError, parse_port, usable_port
from scripts.serving.folder import FolderError, make_folder
from scripts.serving.plan import ENGINE_PORT, PORT, Plan, add_pipes_option, embedded_dsn
from scripts.serving.session import Session
from scripts.sql_files.options import add_set_option, variables
from scripts.sql_files.statements import SqlFileError, read_statements
from scripts.supervisor import PartError
from viewstream.dsn import usable_dsn
from viewstream.log_format import add_option, configure
from viewstream.names import split_view_name
from viewstream.protocol import ProtocolError

DATA = Path(".viewstream")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        description="Serve views to browsers: start the engine (unless there is one), apply SQL "
        "files, and keep the server and the pipelines running.",
    )
    _add_views_options(parser)
    _add_page_options(parser)
    add_pipes_option(parser)
    add_option(parser)
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _add_views_options(parser: argparse.ArgumentParser) -> None:
    """Add which views are served, and the engine and the SQL files that they come from."""
    add = parser.add_argument
    add("views", nargs="*", metavar="VIEW", help="NAME or SCHEMA.NAME (default: the SQL files')")
    add("--all", action="store_true", help="every materialized view that the engine has, or gets")
    add(
        "--sql",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE|FOLDER",
        help="SQL files to apply, and folders of them",
    )
    add_set_option(parser)
    add("--watch", action="store_true", help="apply SQL files again whenever they are edited")
    add(
        "--dsn",
        type=usable_dsn,
        default=os.environ.get("VIEWSTREAM_DSN"),
        help="a Materialize or an engine that runs already (default: $VIEWSTREAM_DSN; "
        "without one, an embedded engine is started)",
    )
    add(
        "--data",
        type=Path,
        default=DATA,
        metavar="FOLDER",
        help="where the embedded engine keeps its data (default: %(default)s)",
    )


def _add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add the page, the addresses at which it is reached, and the ports."""
    add = parser.add_argument
    add("--static", type=Path, metavar="FOLDER", help="your page (default: the dashboard)")
    add(
        "--origin",
        action="append",
        default=[],
        help="an origin whose pages may connect, such as http://localhost:5173; repeatable",
    )
    add(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name at which browsers reach a proxy in front, such as example.org; repeatable",
    )
    add("--port", type=parse_port, default=PORT, help="of the page; 0: a free one (%(default)s)")
    add(
        "--engine-port",
        type=parse_port,
        default=ENGINE_PORT,
        metavar="PORT",
        help="of the embedded engine; 0: a free one (%(default)s)",
    )


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.all and options.views:
        parser.error("expected views or --all, and not both")
    if not (options.all or options.views or options.sql):
        parser.error("expected views, --all, or SQL files that create some (--sql FILE)")
    if options.watch and not options.sql:
        parser.error("--watch needs SQL files to watch: give --sql")
    if options.static is not None and not options.static.is_dir():
        parser.error(f"argument --static: expected a folder, found {str(options.static)!r}")
    for path in options.sql:
        if not path.exists():
            parser.error(f"argument --sql: there is no {str(path)!r}")
    try:
        for view in options.views:
            split_view_name(view)
    except ProtocolError as error:
        parser.error(str(error))


def make_plan(options: argparse.Namespace) -> Plan:
    """Return what to run; raises PortError, FolderError, SqlFileError and OSError."""
    port = usable_port(options.port, "--port")
    engine_port = None if options.dsn else usable_port(options.engine_port, "--engine-port")
    make_folder(options.data, "--data")
    server_options: list[str] = []
    if options.static is not None:
        server_options += ["--static", str(options.static)]
    for origin in options.origin:
        server_options += ["--origin", origin]
    for host in options.host:
        server_options += ["--host", host]
    values = variables(options)
    read_statements(options.sql, values)  # an error in a file ends it before anything is started
    return Plan(
        data=options.data.resolve(),
        port=port,
        dsn=options.dsn or embedded_dsn(engine_port or 0),
        engine_port=engine_port,
        sql=tuple(options.sql),
        views=tuple(options.views),
        serves_all=options.all,
        has_pipes=not options.no_pipes,
        watches=options.watch,
        variables=values,
        server_options=tuple(server_options),
    )


def announcement(plan: Plan) -> str:
    """Describe where the page is, where the data are, and how to look at both."""
    lines = ["", f"    open      {plan.url}"]
    if plan.engine is not None:
        lines += [
            f"    data      {plan.data} (kept; --data names another folder)",
            f"    psql      psql '{plan.dsn}'",
        ]
    views = filter(None, plan.view_list.read_text("utf-8").split("\n"))
    lines += [
        f"    watch     {shlex.join([str(ROOT / 'scripts' / 'watch'), plan.url, *views])}",
        f"    health    curl {plan.url}/healthz",
    ]
    if plan.watches:
        lines += ["    watching  the SQL files: an edit is applied at once"]
    return "\n".join([*lines, "", "    Ctrl-C ends everything.", ""])


def main() -> int:
    options = parse_arguments()
    configure(format_=options.log_format)
    try:
        plan = make_plan(options)
        return Session(plan, lambda: announcement(plan)).run()
    except (PortError, FolderError, PartError, SqlFileError, OSError) as error:
        logging.getLogger("serve").error("%s", error)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
