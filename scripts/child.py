"""Child processes: one class for all that start some, with whatever they need of it.

A `Child` is an ordinary `subprocess.Popen` with three habits: it ends when this process ends,
however that happens; a thread reads what it prints, so that it can be waited for and shown; and
`close` asks it to end before it kills it. `scripts/supervisor.py` restarts children.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from viewstream.log_format import VARIABLE

ROOT = Path(__file__).parents[1]
PATIENCE = 30.0
"""Seconds that a child has to become ready, or to end; generous, for slow machines."""
GRACE = 10.0
"""Seconds between the request to end (SIGTERM) and SIGKILL."""
KEPT_OUTPUT = 1 << 20
"""Bytes of a child's output that are kept, the latest."""

INHERITED = 2
"""The standard error of this process, as a child's `stdout` or `stderr`: shown as it comes."""

_PR_SET_PDEATHSIG = 1


class ChildError(Exception):
    """A child ended too early or was not ready in time; the text ends with its output."""


def python_module(module: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs a module of this project by this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


class Child:
    """One child process. Use as a context manager, or call `close`.

    stdout and stderr are captured unless they are given, as for `subprocess.Popen`; `on_output`
    is called with each captured chunk in the thread that reads it. `file_size` is the largest
    size to which it may write a file; beyond, its writes fail. Its log lines are plain: the parent
    adds the time. `death_signal` ends it when this
    process ends. In a new session it does not get the SIGINT of a terminal's Ctrl-C.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
        on_output: Callable[[bytes], None] | None = None,
        file_size: int | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        new_session: bool = False,
    ) -> None:
        self.command = [str(word) for word in command]
        self._captured = bytearray()
        self._on_output = on_output
        self.popen = subprocess.Popen(
            self.command,
            cwd=cwd,
            env={**os.environ, VARIABLE: "plain", **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=stderr if stderr is not None else _captured_stderr(stdout),
            start_new_session=new_session,
            preexec_fn=_prepare(death_signal, file_size),
        )
        pipe = self.popen.stdout if stdout is None else self.popen.stderr
        self._reader = None
        if pipe is not None:
            self._reader = threading.Thread(target=self._read, args=(pipe.fileno(),), daemon=True)
            self._reader.start()

    def _read(self, descriptor: int) -> None:
        while chunk := os.read(descriptor, 1 << 16):
            self._captured += chunk
            del self._captured[:-KEPT_OUTPUT]
            if self._on_output is not None:
                self._on_output(chunk)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    @property
    def output(self) -> str:
        """Its output so far, of the captured streams."""
        return self._captured.decode(errors="replace")

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until its output matches `pattern`; raises ChildError if that cannot happen."""
        deadline = time.monotonic() + patience
        while True:
            has_ended = not self.is_running
            if has_ended:
                self._join()
            match = re.search(pattern, self.output, re.MULTILINE)
            if match is not None:
                return match
            if has_ended:
                raise self._error(f"ended with {self.popen.returncode} before it printed", pattern)
            if time.monotonic() > deadline:
                raise self._error(f"did not print within {patience:g} s", pattern)
            time.sleep(0.01)

    def _error(self, problem: str, pattern: str) -> ChildError:
        return ChildError(f"{self.command} {problem} {pattern!r}:\n{self.output}")

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end; return the exit status (negative: the signal that ended it)."""
        status = self.popen.wait(patience)
        self._join()
        return status

    async def ended(self) -> int:
        """Wait for its end without blocking the event loop; return the exit status."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()

        def on_end(status: int) -> None:
            if not ended.done():
                ended.set_result(status)

        def wait() -> None:
            status = self.popen.wait()
            self._join()
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(on_end, status)

        # A thread for each child: the loop's own few threads would all wait.
        threading.Thread(target=wait, daemon=True).start()
        return await ended

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def close(self, grace: float = GRACE) -> None:
        """Ask it to end, kill it after `grace` seconds, and close its pipes."""
        self._ask_to_end()
        try:
            self.popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
        self._release()

    async def aclose(self, grace: float = GRACE) -> None:
        """Do as `close` does, without blocking the event loop."""
        self._ask_to_end()
        try:
            await asyncio.wait_for(self.ended(), grace)
        except TimeoutError:
            self.popen.kill()
            await self.ended()
        self._release()

    def _ask_to_end(self) -> None:
        if self.is_running:
            self.send(signal.SIGCONT)  # a stopped process takes no other signal but SIGKILL
            self.send(signal.SIGTERM)

    def _release(self) -> None:
        self._join()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()

    def _join(self) -> None:
        """Wait until all output is read; a child of the child may keep the pipe open longer."""
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _captured_stderr(stdout: int | None) -> int:
    """Return where stderr goes if it is captured: together with stdout, or alone."""
    return subprocess.STDOUT if stdout is None else subprocess.PIPE


def _prepare(death_signal: signal.Signals, file_size: int | None) -> Callable[[], None]:
    """Return what the child runs before its program.

    Linux sends the signal at the end of the *thread* that started the child, so a child that is
    started by any thread but the main one is not bound to this process.
    """
    binds = sys.platform.startswith("linux") and (
        threading.current_thread() is threading.main_thread()
    )
    prctl = ctypes.CDLL(None).prctl if binds else None
    parent = os.getpid()

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it ended before the signal was asked for
                os.kill(os.getpid(), death_signal)
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead

    return prepare
