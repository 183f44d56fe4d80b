"""Many plain websocket clients in one process, `_fleet.c`: they connect, read frames, count them.

It is a program in C, so that on two cores the clients do not cost more than the server that is
measured.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.child import Child

_SOURCE = Path(__file__).with_name("_fleet.c")
_COMPILERS = ("cc", "gcc", "clang", "tcc")


class FleetError(Exception):
    """The clients cannot be built, or lost their server; the text has the reason."""


@dataclass(frozen=True)
class Received:
    """The messages that all clients together received since the last report.

    `p50` and `p99` are the milliseconds from a stamp to its receipt; `largest` is in bytes.
    """

    messages: int
    stamps: int
    p50: float
    p99: float
    largest: int


class Fleet:
    """`count` clients of the server at a port of 127.0.0.1. Use as a context manager.

    A message is a text frame of at least `smallest` bytes.
    """

    def __init__(
        self, port: int, path: str = "/", *, count: int, smallest: int = 0, deflates: bool = False
    ) -> None:
        self.count = count
        compiler = find_compiler()
        self._folder = tempfile.TemporaryDirectory(prefix="viewstream-fleet-")
        program = _compile(compiler, Path(self._folder.name))
        words = [str(program), str(port), path, str(count), str(smallest)]
        if deflates:
            words.append("deflate")
        self._child = Child(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def connect(self) -> float:
        """Connect all clients; return the seconds until all handshakes were answered."""
        return float(self._order("open"))

    def wait_for_messages(self, number: int) -> float:
        """Wait until each client has received `number` messages; return seconds since `connect`."""
        return float(self._order(f"messages {number}"))

    def wait_for_stamp(self, stamp: int) -> None:
        """Wait until each client has received this stamp, or a later one."""
        self._order(f"stamp {stamp}")

    def report(self) -> Received:
        """Return what was received since the last report."""
        messages, stamps, p50, p99, largest = self._order("report").split()
        return Received(int(messages), int(stamps), float(p50), float(p99), int(largest))

    def stall(self) -> None:
        """Let all clients read nothing from now on."""
        self._order(f"stall {self.count}")

    def _order(self, line: str) -> str:
        assert self._child.popen.stdin is not None
        assert self._child.popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, so there is no answer
            os.write(self._child.popen.stdin.fileno(), f"{line}\n".encode())
        answer = self._child.popen.stdout.readline().decode().strip()
        if not answer:
            self._child.wait()
            raise FleetError(f"after the order {line!r}: {self._child.output.strip()}")
        return answer

    def close(self) -> None:
        self._child.close()
        self._folder.cleanup()

    def __enter__(self) -> Fleet:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_compiler() -> str:
    """Return the C compiler on PATH; raises FleetError if there is none."""
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise FleetError(f"expected a C compiler on PATH, one of {', '.join(_COMPILERS)}")
    return compiler


def _compile(compiler: str, folder: Path) -> Path:
    """Compile the clients into `folder`; return the program."""
    program = folder / "fleet"
    done = subprocess.run(
        [compiler, "-O2", "-o", program, _SOURCE], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise FleetError(f"{compiler} cannot compile {_SOURCE.name}: {done.stderr.strip()}")
    return program
