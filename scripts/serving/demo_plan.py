"""Plans `scripts/demo`: `sql/` over a source of events, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.serving.folder import make_folder
from scripts.serving.plan import ENGINE_PORT, Plan, embedded_dsn, module
from scripts.sources import live
from scripts.sql_files.definitions import materialized_views
from scripts.sql_files.statements import FOLDER, WIKIS, read_statements
from scripts.supervisor import Part

PROBE = 3.0
"""Seconds within which Wikimedia must answer to be the source."""

_QUERY = "SELECT * FROM top10"


INTERNAL = (
    *("mz_source_statistics", "mz_tails", "mz_view_statistics", "mz_views"),
    *("mz_dataflow_operator_dataflows", "mz_dataflow_operator_addresses", "mz_dataflow_channels"),
    *("mz_message_counts", "mz_records_per_dataflow_operator"),
)
"""Tables of the embedded engine itself, which are served like any view."""
PIPED = ("counter", "top10", "useredits")
"""The views that come by pipes. A pipe costs two processes, so the server reads the others."""
_PIPES = (
    f"of {', '.join(PIPED)}: tail_view.py | post_deltas.py\n"
    "              of all others: read by the server itself (with --no-pipes of these, too)"
)
_NO_PIPES = "read by the server itself (server --tail)"


class DemoError(Exception):
    """The demo cannot be started; the text says why."""


def demo_views() -> tuple[str, ...]:
    """Return the views of `sql/`, another file there included, and some of the engine's tables."""
    views = materialized_views(read_statements([FOLDER], {"source": "", "wikis": ""}))
    return (*views, *INTERNAL)


def make_plan(
    folder: Path,
    port: int,
    engine_port: int,
    source: tuple[str, ...],
    label: str,
    *,
    has_pipes: bool = True,
) -> Plan:
    """Return the plan of the demo: `source` is its mode with options, `label` describes it."""
    file = folder / "recentchanges"
    return Plan(
        data=folder,
        port=port,
        dsn=embedded_dsn(engine_port),
        engine_port=engine_port,
        sql=(FOLDER,),
        has_pipes=has_pipes,
        views=demo_views(),
        piped=PIPED,
        variables={"source": str(file), "wikis": str(WIKIS)},
        server_options=("--about", label),
        source=Part("source", module("scripts.sources", *source, "--stay", file)),
    )


def choose_source(wish: str, rate: float) -> tuple[tuple[str, ...], str]:
    """Return the source's mode with its options, and its description; raises DemoError."""
    pace = f"{rate:g} a second" if rate else "as fast as possible"
    about = "about " if rate else ""  # generated events come at random times
    generated = ("generate", "--rate", str(rate)), f"generated events, {about}{pace}"
    if wish == "generated":
        return generated
    if wish == "live":
        return ("live",), "Wikimedia's live event stream"
    if wish == "auto":
        contact = os.environ.get("VIEWSTREAM_CONTACT", "")
        if (problem := live.find_problem(live.URL, PROBE, contact)) is None:
            return ("live",), "Wikimedia's live event stream"
        source, label = generated
        return source, f"{label} ({problem})"
    path = Path(wish).resolve()
    if not path.is_file():
        raise DemoError(
            f"expected auto, live, generated or a file of events as --source, found {wish!r}"
        )
    return ("replay", "--rate", str(rate), "--now", "--from", str(path)), f"{path.name}, {pace}"


@contextlib.contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """Provide a fresh folder, removed at the end, or the one to keep; raises FolderError."""
    if keep is not None:
        make_folder(keep, "--keep")
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="viewstream-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def announcement(plan: Plan, label: str) -> str:
    """Describe where to look."""
    elsewhere = "" if plan.engine_port == ENGINE_PORT else f" --dsn '{plan.dsn}'"
    hops = [
        f"tail -f {plan.variables['source']}",
        f"psql '{plan.dsn}' -c '{_QUERY}'",
        f".venv/bin/python tail_view.py top10 --snapshot{elsewhere}",
        f"curl {plan.url}/healthz",
    ]
    lines = [
        "",
        f"    open      {plan.url}",
        f"    source    {label}",
        f"    changes   {_PIPES if plan.has_pipes else _NO_PIPES}",
        "",
        "    to look at each hop, from the first to the last:",
        *(f"              {hop}" for hop in hops),
        "",
        "    Ctrl-C ends everything; any other process may be killed, and is started again.",
        "",
    ]
    return "\n".join(lines)
