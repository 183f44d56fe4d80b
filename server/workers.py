"""Runs several servers on one port: a process each, and another one in place of one that dies.

The kernel spreads connections over the processes (SO_REUSEPORT). They share nothing: each has
TAILs, logs and clients of its own, and a client that comes back to another one resumes there.
"""

from __future__ import annotations

import ctypes
import heapq
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.terminal import Terminal
from viewstream.backoff import Backoff

log = logging.getLogger("server")

FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the growing random delay before a process is replaced."""
SETTLED = 30.0
"""Seconds after which a process counts as one that worked: delays begin short again."""
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
_RELOADING = signal.SIGHUP
"""Passed on to the processes, each of which reloads."""
_PR_SET_PDEATHSIG = 1


@dataclass
class _Worker:
    number: int
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_DELAY, LONGEST_DELAY))
    started_at: float = 0.0


class Workers:
    """`count` processes that call `serve` with the address; `run` returns when a signal ends it.

    Raises OSError if the address is not available.
    """

    def __init__(
        self, count: int, address: tuple[str, int], serve: Callable[[tuple[str, int], int], int]
    ) -> None:
        host, port = address
        # Bound and not listening: it reserves the port, and gets no connection.
        self._reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._reserved.bind((host, port))
        except OSError:
            self._reserved.close()
            raise
        self._address = (host, self._reserved.getsockname()[1])
        self._serve = serve
        self._running: dict[int, _Worker] = {}
        self._due: list[tuple[float, int, _Worker]] = []
        for number in range(1, count + 1):
            self._due.append((0.0, number, _Worker(number)))

    def run(self) -> int:
        """Start the processes, replace those that die, and pass signals on until one ends all."""
        watched = {*ENDING, _RELOADING, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        terminal = Terminal()
        while True:
            self._start_due()
            wait = self._due[0][0] - time.monotonic() if self._due else 3600.0
            received = signal.sigtimedwait(watched, max(wait, 0))
            number = None if received is None else received.si_signo
            if number in ENDING or (number == _RELOADING and terminal.is_closed):
                return self._end()
            if number == _RELOADING:
                self._signal(_RELOADING)
            self._reap()

    def _start_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            worker = heapq.heappop(self._due)[2]
            worker.started_at = time.monotonic()
            pid = os.fork()
            if pid == 0:
                self._run_child(worker)
            self._running[pid] = worker

    def _run_child(self, worker: _Worker) -> None:
        """Serve in this process, which ends with it."""
        status = 1
        try:
            self._reserved.close()
            _die_with_the_parent()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})  # `serve` does the others
            status = self._serve(self._address, worker.number)
        except Exception:
            log.exception("process %d failed", worker.number)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        """Schedule another process in place of each that has ended."""
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            worker = self._running.pop(pid)
            if time.monotonic() - worker.started_at > SETTLED:
                worker.backoff.reset()
            delay = worker.backoff.next_delay()
            log.warning(
                "process %d ended with %d: another one starts in %.1f s",
                worker.number,
                os.waitstatus_to_exitcode(status),
                delay,
            )
            heapq.heappush(self._due, (time.monotonic() + delay, worker.number, worker))

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._running:
            os.kill(pid, number)

    def _end(self) -> int:
        self._reserved.close()
        self._signal(signal.SIGTERM)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in self._running]
        return 0 if all(status == 0 for status in statuses) else 1


def _die_with_the_parent() -> None:
    """Have the kernel end this process when its parent is killed (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
