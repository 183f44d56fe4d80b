"""The whole pipeline on one machine: `scripts/demo` starts every process and shows the address.

Each process is an ordinary one that could be started by hand; honcho runs them side by side and
ends them all when one ends for good, or on Ctrl-C. What they write stands in a fresh folder.
`scripts/demo_check.py` is `--check`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honcho.printer import Printer

from scripts.apply_sql import FOLDER, ApplyError, read_statements
from scripts.demo_options import ENGINE_PORT, parse_arguments
from scripts.demo_views import ViewNameError, materialized_views
from scripts.manager import BoundManager
from scripts.sources import live

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
PROBE = 3.0
"""Seconds within which Wikimedia must answer to be the source."""

_SIGNS = {"server": b"listening on", "pipeline": b"applied"}
"""What these processes print when they are ready."""

_LOOK = "SELECT * FROM top10"


class DemoError(Exception):
    """The demo cannot be started; the text says why."""


@dataclass(frozen=True)
class Plan:
    """What is run where: `source` is the mode with its options, `label` says it to people."""

    folder: Path
    port: int
    engine_port: int
    source: tuple[str, ...]
    label: str

    @property
    def file(self) -> Path:
        return self.folder / "recentchanges"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def dsn(self) -> str:
        return f"host={HOST} port={self.engine_port} user=materialize dbname=materialize"

    def commands(self) -> dict[str, str]:
        """The shell command of each process, by its name."""
        views = served_views()
        source = _python("scripts.sources", *self.source, "--stay", self.file)
        engine = _python(
            "engine", "--listen", f"{HOST}:{self.engine_port}", "--data", self.folder / "engine"
        )
        server = _python("server", "--listen", f"{HOST}:{self.port}", "--about", self.label, *views)
        sql = _python("scripts.apply_sql", "--source", self.file)
        pipeline = _python("scripts.pipeline", *views)
        return {
            "source": f"exec {source}",
            "engine": f"exec {engine}",
            "server": f"exec {server}",
            "pipeline": f"{sql} && exec {pipeline}",
        }


def served_views() -> tuple[str, ...]:
    """The views that `sql/` materializes: add a file there, and the demo serves it, too."""
    statements = read_statements(sorted(FOLDER.glob("*.sql")), {"source": ""})
    return materialized_views(statement for _, statement in statements)


def _python(module: str, *arguments: str | Path) -> str:
    return shlex.join([sys.executable, "-m", module, *map(str, arguments)])


def choose_source(wish: str, rate: float) -> tuple[tuple[str, ...], str]:
    """The source's mode with its options, and what to call it; raises DemoError."""
    pace = f"{rate:g} a second" if rate else "as fast as possible"
    about = "about " if rate else ""  # their pace has its moods
    generated = ("generate", "--rate", str(rate)), f"generated events, {about}{pace}"
    if wish == "generated":
        return generated
    if wish == "live":
        return ("live",), "Wikimedia's live event stream"
    if wish == "auto":
        if live.answers(live.URL, PROBE, os.environ.get("VIEWSTREAM_CONTACT", "")):
            return ("live",), "Wikimedia's live event stream"
        source, label = generated
        return source, f"{label} (Wikimedia did not answer within {PROBE:g} s)"
    path = Path(wish).resolve()
    if not path.is_file():
        raise DemoError(
            f"expected auto, live, generated or a file of events as --source, found {wish!r}"
        )
    return ("replay", "--rate", str(rate), "--from", str(path)), f"{path}, {pace}"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def usable_port(port: int, option: str) -> int:
    """`port`, or a free one for 0; raises DemoError if somebody listens there."""
    if port == 0:
        return free_port()
    try:
        with socket.create_server((HOST, port)):
            return port
    except OSError as error:
        raise DemoError(
            f"port {port} cannot be used ({os.strerror(error.errno or 0)}): give another {option}"
        ) from None


def make_folder(path: Path) -> None:
    """Make the folder if it is missing; raises DemoError if it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        reason = "a file is in its way"
    except OSError:
        reason = "it cannot be made there"
    else:
        if os.access(path, os.W_OK | os.X_OK):
            return
        reason = "it may not be written to"
    raise DemoError(f"expected a folder to write into as --keep, found {str(path)!r}: {reason}")


@contextlib.contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """A fresh folder, removed at the end; or the one that is to be kept; raises DemoError."""
    if keep is not None:
        make_folder(keep)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="viewstream-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class DemoPrinter(Printer):  # type: ignore[misc]  # honcho has no types
    """Prints what the processes print and, once all are ready, where to look."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(sys.stdout)
        self._plan = plan
        self._awaited = set(_SIGNS)

    def write(self, message: Any) -> None:
        super().write(message)
        if message.name in self._awaited and _SIGNS[message.name] in message.data:
            self._awaited.remove(message.name)
            if not self._awaited:
                print(announcement(self._plan), flush=True)


def run(plan: Plan) -> int:
    """Run the plan until it ends or a signal ends it; return the exit status."""
    plan.file.touch()
    environment = {
        **os.environ,
        "VIEWSTREAM_DSN": plan.dsn,
        "VIEWSTREAM_URL": plan.url,
        "PYTHONUNBUFFERED": "1",
    }
    manager = BoundManager(DemoPrinter(plan))
    for name, command in plan.commands().items():
        manager.add_process(name, command, env=environment, cwd=str(ROOT))
    manager.loop()
    return int(manager.returncode or 0)


def announcement(plan: Plan) -> str:
    """Where to look."""
    elsewhere = "" if plan.engine_port == ENGINE_PORT else f" --dsn '{plan.dsn}'"
    hops = [
        f"tail -f {plan.file}",
        f"psql '{plan.dsn}' -c '{_LOOK}'",
        f".venv/bin/python tail_view.py top10 --snapshot{elsewhere}",
        f"curl {plan.url}/healthz",
    ]
    lines = [
        "",
        f"    open      {plan.url}",
        f"    source    {plan.label}",
        "",
        "    to look at each hop, from the first to the last:",
        *(f"              {hop}" for hop in hops),
        "",
        "    Ctrl-C ends everything.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    options = parse_arguments()
    if options.check:
        from scripts.demo_check import check

        return check()
    try:
        ports = (
            usable_port(options.port, "--port"),
            usable_port(options.engine_port, "--engine-port"),
        )
        if options.source == "auto":
            print("demo: asking Wikimedia for its events", flush=True)
        source, label = choose_source(options.source, options.rate)
        with working_folder(options.keep) as folder:
            return run(Plan(folder, *ports, source, label))
    except (DemoError, ApplyError, ViewNameError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
