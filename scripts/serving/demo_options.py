"""The command line of `scripts/demo`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.ports import parse_port
from scripts.serving.plan import ENGINE_PORT, PORT, add_pipes_option
from scripts.sources.options import parse_rate
from viewstream.log_format import add_option

_DEFAULTS: dict[str, Any] = {
    "source": "auto",
    "rate": 50.0,
    "port": PORT,
    "engine_port": ENGINE_PORT,
    "keep": None,
}
"""Defaults of all options but --check, which is used alone; filled in after that is checked."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; exits with status 2 and a sentence if they contradict each other."""
    parser = _parser()
    options = parser.parse_args(arguments)
    given = [name for name in _DEFAULTS if getattr(options, name) is not None]
    if options.check and given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        parser.error(f"--check chooses its own ports, source and folder: leave out {named}")
    for name in _DEFAULTS.keys() - given:
        setattr(options, name, _DEFAULTS[name])
    if options.port == options.engine_port != 0:
        parser.error(
            f"expected --port and --engine-port to differ, found {options.port} for both"
            f" (defaults: {PORT} and {ENGINE_PORT})"
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Run the whole pipeline, from edits to a page, here."
    )
    parser.add_argument(
        "--source",
        help="auto (live if Wikimedia answers, else generated), live, generated, "
        "or a FILE of events (default: auto)",
    )
    parser.add_argument(
        "--rate",
        type=parse_rate,
        metavar="N",
        help="events a second, if generated or from a file; 0: as fast as possible (default: 50)",
    )
    parser.add_argument(
        "--port", type=parse_port, help=f"of the page; 0: a free one (default: {PORT})"
    )
    parser.add_argument(
        "--engine-port",
        type=parse_port,
        metavar="PORT",
        help=f"of the engine; 0: a free one (default: {ENGINE_PORT})",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="write into FOLDER, keep it, and go on from there next time",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="prove that it works, on free ports, and end; goes with no option but --no-pipes",
    )
    add_pipes_option(parser)
    add_option(parser)
    return parser
