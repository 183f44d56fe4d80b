"""Describes what `scripts/serve` and `scripts/demo` run: the processes, and where they listen."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.child import ROOT
from scripts.ports import HOST
from scripts.supervisor import Part

ENGINE_PORT = 6875
PORT = 8888


@dataclass(frozen=True)
class Plan:
    """Everything that a session runs.

    `data` is the folder of the embedded engine and of the list of views; `engine_port` is None if
    `dsn` names another engine. `views` are the views to serve; if there are none, those that the
    SQL files create are served, or with `serves_all` those that the engine has.
    """

    data: Path
    port: int
    dsn: str
    engine_port: int | None
    sql: tuple[Path, ...]
    views: tuple[str, ...] = ()
    serves_all: bool = False
    has_pipes: bool = True
    """Whether pipelines post the changes; if not, the server reads them itself."""
    piped: tuple[str, ...] = ()
    """With pipes: the views that have one, while the server reads the others; none: all have."""
    watches: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    server_options: tuple[str, ...] = ()
    source: Part | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of all parts."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "VIEWSTREAM_DSN": self.dsn,
            "VIEWSTREAM_URL": self.url,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(paths),
        }

    @property
    def engine(self) -> Part | None:
        """The embedded engine, or None if another one is used."""
        if self.engine_port is None:
            return None
        listen = f"{HOST}:{self.engine_port}"
        command = module("engine", "--listen", listen, "--data", self.data / "engine")
        return Part("engine", command, "listening on")

    @property
    def server(self) -> Part:
        listen = f"{HOST}:{self.port}"
        views = ("--views-from", self.view_list)
        tail = () if self.has_pipes and not self.piped else ("--tail",)
        posted = (f"--posted={view}" for view in self.piped if self.has_pipes)
        command = module("server", "--listen", listen, *self.server_options, *tail, *posted, *views)
        return Part("server", command, "listening on")

    @property
    def pipeline(self) -> Part | None:
        """The pipelines, or None if the server reads all changes itself."""
        if not self.has_pipes:
            return None
        return Part("pipeline", module("scripts.pipeline", *(self.piped or ("--all",))))

    @property
    def view_list(self) -> Path:
        """The file that names the views to serve, one a line; the server reads it again."""
        return self.data / "views"


def add_pipes_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-pipes",
        action="store_true",
        help="have the server read the changes itself (server --tail), instead of by "
        "tail_view.py | post_deltas.py for each view",
    )


def embedded_dsn(port: int) -> str:
    """Return the DSN of the embedded engine."""
    return f"host={HOST} port={port} user=materialize dbname=materialize"


def module(name: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs a module of this project from any working directory."""
    return [sys.executable, "-P", "-m", name, *map(str, arguments)]
