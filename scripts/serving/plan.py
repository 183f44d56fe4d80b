"""Describes what `scripts/serve` and `scripts/demo` run: the processes, and where they listen."""

from __future__ import annotations

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
        command = module("server", "--listen", listen, *self.server_options, *views)
        return Part("server", command, "listening on")

    @property
    def pipeline(self) -> Part:
        return Part("pipeline", module("scripts.pipeline", "--all"))

    @property
    def view_list(self) -> Path:
        """The file that names the views to serve, one a line; the server reads it again."""
        return self.data / "views"


def embedded_dsn(port: int) -> str:
    """Return the DSN of the embedded engine."""
    return f"host={HOST} port={port} user=materialize dbname=materialize"


def module(name: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs a module of this project from any working directory."""
    return [sys.executable, "-P", "-m", name, *map(str, arguments)]
