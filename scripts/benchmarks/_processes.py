"""Processes under measurement: started, spoken to by lines, and weighed from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


class Child:
    """A child process whose first line with a port in it says that it is ready."""

    def __init__(self, arguments: list[str], *, ready: str = r":(\d+)\s*$") -> None:
        self.process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            match = re.search(ready, line)
            if match:
                self.port = int(match[1])
                break
        else:
            raise RuntimeError(f"{arguments} ended before it was ready:\n{said}")

    def order(self, line: str) -> str:
        """Say a line, and wait for the line that answers it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def order_later(self, line: str) -> threading.Thread:
        """As `order`, while something else is done; join the thread for the answer."""
        thread = threading.Thread(target=self.order, args=(line,))
        thread.start()
        return thread

    def cpu(self) -> float:
        """Seconds of processor time that it has used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_engine() -> tuple[Child, str]:
    """The embedded engine; returns it and its DSN."""
    child = Child([sys.executable, "-m", "engine", "--listen", "127.0.0.1:0"])
    return child, f"host=127.0.0.1 port={child.port} user=materialize dbname=materialize"


def start_server(dsn: str, *arguments: str) -> Child:
    """The server under test."""
    return Child(
        [sys.executable, "-m", "server", "--listen", "127.0.0.1:0", "--dsn", dsn, *arguments]
    )
