"""The whole pipeline as processes on free ports, each of which a test may kill and restart."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from scripts.ports import free_port
from scripts.procfs import children_of, script_of
from scripts.serving.demo_plan import PIPED
from scripts.text_query import rows_at
from tests.support.following import Witness
from tests.support.processes import Process, start_engine, start_server, wait_until
from viewstream.protocol import Row

VIEWS = PIPED
POINTS = 15
"""The number of consistent points of each view that are proved."""


class Whole:
    """Engine, SQL, server and pipelines over `file`, while the `with` block runs.

    With `way="tail"` the server reads the changes itself, and there are no pipelines.
    `processes` holds them by name; a source is started by `replay` or `generate`.
    """

    def __init__(self, folder: Path, *engine_options: str, way: str = "pipes") -> None:
        self.way = way
        self.file = folder / "recentchanges"
        self.file.touch()
        self.engine_options = engine_options
        self.ports = {"engine": free_port(), "server": free_port()}
        self.processes: dict[str, Process] = {}
        self._stack = ExitStack()
        self.url = f"http://127.0.0.1:{self.ports['server']}"
        self.dsn = f"host=127.0.0.1 port={self.ports['engine']} user=materialize dbname=materialize"

    def __enter__(self) -> Self:
        for name in ("engine", "server", "pipeline")[: 2 if self.way == "tail" else 3]:
            self.start(name)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def start(self, name: str) -> None:
        """Start the engine (with its SQL), the server or the pipelines, always at one address."""
        address = f"127.0.0.1:{self.ports.get(name)}"
        if name == "engine":
            process, _ = start_engine(*self.engine_options, listen=address)
        elif name == "server":
            options = ["--tail"] if self.way == "tail" else []
            process, _ = start_server(self.dsn, *VIEWS, options=options, listen=address)
        else:
            process = self._run("scripts.pipeline", "--dsn", self.dsn, "--server", self.url, *VIEWS)
        self.processes[name] = self._stack.enter_context(process)
        if name == "engine":
            with self._run("scripts.apply_sql", "--dsn", self.dsn, "--source", self.file) as sql:
                assert sql.wait() == 0, sql.stderr

    def replay(self, events: Path) -> None:
        """Append all events, and wait until that is done."""
        with self._source("replay", "--rate", "0", "--from", events) as source:
            assert source.wait() == 0, source.stderr

    def generate(self, seed: int, rate: int = 300) -> None:
        """Append generated events until the source is stopped or killed."""
        source = self._source("generate", "--rate", str(rate), "--seed", str(seed))
        self.processes["source"] = self._stack.enter_context(source)

    def stop_source(self) -> None:
        self.processes["source"].send(signal.SIGTERM)
        self.processes["source"].wait()

    def kill(self, name: str) -> None:
        """Kill a process, or one of the pipelines' children: `tail_view` or `post_deltas`."""
        if name in self.processes:
            self.processes[name].kill()
        else:
            for pid in self.children(name):
                os.kill(pid, signal.SIGKILL)

    def children(self, name: str) -> list[int]:
        """Return the ids of the pipelines' processes that run this script."""
        pipeline = self.processes["pipeline"].pid
        return wait_until(
            lambda: [pid for pid in children_of(pipeline) if script_of(pid) == name],
            f"a process that runs {name}.py",
        )

    def _source(self, mode: str, *options: str | Path) -> Process:
        return self._run("scripts.sources", mode, *options, self.file)

    def _run(self, module: str, *arguments: str | Path) -> Process:
        return Process([sys.executable, "-m", module, *arguments])

    def expected(self) -> dict[str, Counter[Row]]:
        """Return the rows that the views must have, counted in Python from the file's lines."""
        lines = re.findall(rb"^data: (\{.*\})$", self.file.read_bytes(), flags=re.MULTILINE)
        edits = Counter(str(json.loads(line)["user"]) for line in lines)
        top = sorted(edits.items(), key=lambda item: (-item[1], item[0]))[:10]
        return {
            "counter": Counter([(str(len(lines)),)]),
            "useredits": Counter((user, str(count)) for user, count in edits.items()),
            "top10": Counter((user, str(count)) for user, count in top),
        }

    async def until_exact(self, witness: Witness) -> None:
        """Wait until the client has the expected rows, and prove the points that it passed."""
        for view, rows in self.expected().items():
            await witness.until_rows(view, *rows)
        await self.prove(witness)

    async def prove(self, witness: Witness) -> None:
        """Prove invariant 1: at each `upper` the client had the rows of the SELECT at `upper - 1`.

        Only the engine's present epoch can be read. Of many points some are proved, and the last.
        """
        for view, points in witness.points.items():
            present = [point for point in points if point[0] == points[-1][0]]
            for _, upper, rows in present[:: max(1, len(present) // POINTS)] + present[-1:]:
                assert rows == await asyncio.to_thread(rows_at, self.dsn, view, upper - 1), view
