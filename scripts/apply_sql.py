"""Applies SQL files to an engine: `scripts/apply_sql [--dsn DSN] [--replace] [FILE|FOLDER ..]`.

It may be run again at any time: a relation that exists and is what its file says is left alone,
so no page that follows it notices.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.sql_files.apply import apply, kept, read_dialect, summary
from scripts.sql_files.options import add_set_option, variables
from scripts.sql_files.statements import (
    FOLDER,
    WIKIS,
    SqlFileError,
    Statement,
    read_statements,
    webhook_files,
)
from viewstream.dsn import usable_dsn
from viewstream.engine import DEFAULT_DSN
from viewstream.log_format import add_option, configure

log = logging.getLogger("apply_sql")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/apply_sql",
        description="Create the relations of SQL files in an engine, and compare those it has.",
    )
    parser.add_argument(
        "--dsn",
        type=usable_dsn,
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine or Materialize (default: $VIEWSTREAM_DSN, or 127.0.0.1:6875)",
    )
    parser.add_argument(
        "--source",
        metavar="PATH",
        help="the file that scripts/source writes, by its absolute path where the engine runs",
    )
    add_set_option(parser)
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace relations that differ from their file, with the views that depend on them",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the engine and for a source's file (default: 60)",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="FILE|FOLDER",
        help="SQL files, and folders of them (default: sql/, for the engine's version)",
    )
    add_option(parser)
    options = parser.parse_args(arguments)
    if options.source is not None:
        if not Path(options.source).is_absolute():
            parser.error(f"argument --source: expected an absolute path, found {options.source!r}")
        options.settings.append(f"source={options.source}")
    return options


def demo_statements(options: argparse.Namespace, values: Mapping[str, str]) -> Sequence[Statement]:
    """Return the demo's SQL for the version of the engine."""
    dialect = read_dialect(options.dsn, wait=options.wait, log=log.info)
    if dialect.has_file_sources:
        return read_statements([FOLDER], values)
    log.info(
        "this version has no file sources: taking sql/webhook/, to which"
        " scripts/source --post http://HOST:6876/api/webhook/materialize/public/wikimedia_posts"
        " posts events"
    )
    statements = read_statements(webhook_files(), values)
    return [
        Statement(one.file, one.sql.replace("mz_logical_timestamp()", dialect.clock))
        for one in statements
    ]


def main() -> int:
    options = parse_arguments()
    configure("apply_sql", options.log_format)
    try:
        values = {"wikis": str(WIKIS), **variables(options)}
        if options.paths:
            statements: Sequence[Statement] = read_statements(options.paths, values)
        else:
            statements = demo_statements(options, values)
        outcomes = apply(
            options.dsn, statements, wait=options.wait, replace=options.replace, log=log.info
        )
    except (SqlFileError, OSError) as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        return 130
    for line in kept(statements, outcomes):
        log.info("%s", line)
    log.info("%s", summary(outcomes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
