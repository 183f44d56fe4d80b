"""The option that gives values to the variables of SQL files, as psql's `-v` does."""

from __future__ import annotations

import argparse

from scripts.sql_files.statements import SqlFileError


def add_set_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the value of :'NAME' in the SQL; repeatable",
    )


def variables(options: argparse.Namespace) -> dict[str, str]:
    """Return the variables that the options set; raises SqlFileError."""
    found = {}
    for setting in options.settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise SqlFileError(f"expected --set NAME=VALUE, found {setting!r}")
        found[name] = value
    return found
