"""`scripts/serve` as a process of a test, on free ports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from scripts.child import ROOT
from scripts.serving.plan import embedded_dsn
from scripts.text_query import text_query
from tests.support.processes import PATIENCE, Process, wait_until


class Serve(Process):
    """`scripts/serve` with options, in the working directory `folder`; without a DSN, its engine.

    `root` is the checkout from which it runs.
    """

    def __init__(
        self, folder: Path, *options: str | Path, dsn: str | None = None, root: Path = ROOT
    ) -> None:
        ports = ["--port", "0"] + (["--dsn", dsn] if dsn else ["--engine-port", "0"])
        command: list[str | Path] = [sys.executable, "-P", "-m", "scripts.serving.serve"]
        if root != ROOT:
            command = [root / "scripts" / "serve"]
        env = {"PYTHONPATH": str(root)}
        super().__init__([*command, *ports, *options], cwd=folder, env=env, stdout=None)
        self._dsn = dsn

    @property
    def url(self) -> str:
        """The address of the page; waits until everything runs."""
        return self.wait_for(r"^    open      (\S+)")[1]

    @property
    def dsn(self) -> str:
        if self._dsn is not None:
            return self._dsn
        return embedded_dsn(int(self.wait_for(r"^engine: listening on [\d.]+:(\d+)")[1]))

    def pid_of(self, part: str) -> int:
        """The process id of a part, of its latest start."""
        return int(re.findall(rf"^{part}: started \(pid=(\d+)\)", self.output, re.MULTILINE)[-1])

    def wait_until_rows(self, view: str, *rows: tuple[str | None, ...]) -> None:
        """Wait until the engine has these rows in the view."""
        wait_until(
            lambda: sorted(text_query(self.dsn, f"SELECT * FROM {view}")) == sorted(rows),
            f"{view} has {rows}:\n{self.output}",
        )


def run_serve(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end, for options that end it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "scripts.serving.serve", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
