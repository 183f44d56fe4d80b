"""The servers that are compared: viewstream, and its peers with their commands."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks._measured import Measured

NODE_SCRIPT = Path(__file__).with_name("_peers.cjs")
NPM_PEERS = {"ws": "ws@8", "uwebsockets": "uwebsockets@3"}
LABELS = {
    "bare": "a loop of socket.send",
    "picows": "picows on uvloop",
    "uwebsockets": "uWebSockets on Node",
    "ws": "ws on Node",
    "websockets": "websockets.broadcast",
    "tornado": "Tornado write_message",
}


@dataclass(frozen=True)
class Peers:
    """The commands of the peers that can run here by their names, and why the others cannot."""

    commands: dict[str, list[str]]
    notes: list[str]

    def start(self, name: str) -> Measured:
        return Measured(self.commands[name])


@contextlib.contextmanager
def prepared_peers() -> Iterator[Peers]:
    """Yield the peers; those on Node are installed into a temporary folder."""
    names = [name for name in LABELS if name not in NPM_PEERS]
    commands = {name: [sys.executable, "-m", "scripts.benchmarks._peers", name] for name in names}
    notes = []
    if importlib.util.find_spec("picows") is None or importlib.util.find_spec("uvloop") is None:
        del commands["picows"]
        notes.append("picows was left out: it or uvloop is not installed.")
    with tempfile.TemporaryDirectory(prefix="viewstream-peers-") as folder:
        problem = _npm_install(folder)
        for name in NPM_PEERS:
            if problem is None:
                commands[name] = ["node", str(NODE_SCRIPT), name, folder]
            else:
                notes.append(f"{LABELS[name]} was left out: {problem}.")
        yield Peers({name: commands[name] for name in LABELS if name in commands}, notes)


def _npm_install(folder: str) -> str | None:
    """Install the peers on Node into a folder; return why that failed, or None."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node or npm is missing"
    words = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder]
    done = subprocess.run(
        [*words, *NPM_PEERS.values()], capture_output=True, text=True, check=False
    )
    return (
        None if done.returncode == 0 else f"npm cannot install them: {done.stderr.strip()[-300:]}"
    )
