"""Processes under measurement: they listen on a port, take orders by lines, and are weighed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.child import Child, ChildError, python_module
from scripts.procfs import memory_of, precise_cpu_of

_LISTENING = r":(\d+)\s*$"


class Measured(Child):
    """A child that prints a line on stderr that ends with its `port` once it is ready."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.port = int(self.wait_for(_LISTENING)[1])
        except ChildError:
            self.close()
            raise

    def order(self, line: str) -> str:
        """Write a line to its stdin, and wait for the line that answers it on its stdout."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(f"{line}\n".encode())
        self.popen.stdin.flush()
        return self.popen.stdout.readline().decode().strip()

    def cpu(self) -> float:
        """Return the seconds of processor time that its threads have used."""
        return precise_cpu_of(self.pid)

    def memory(self) -> int:
        """Return its resident bytes."""
        return memory_of(self.pid)


def start_engine(*options: str | Path) -> tuple[Measured, str]:
    """Start the embedded engine; return it and its DSN."""
    engine = Measured(python_module("engine", "--listen", "127.0.0.1:0", *options))
    return engine, f"host=127.0.0.1 port={engine.port} user=materialize dbname=materialize"


def start_server(dsn: str, *arguments: str) -> Measured:
    """Start a server of the engine at `dsn`."""
    return Measured(python_module("server", "--listen", "127.0.0.1:0", "--dsn", dsn, *arguments))
