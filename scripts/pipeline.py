"""Supervises `tail_view.py | post_deltas.py` for each view: restarts, resumes, gives up.

Each run resumes at the server's position. A run that fails is started again with backoff; a view
that can no longer change is looked at again every ten seconds, since it may have been replaced.
A view that the server refuses for good is given up while the others go on; once all are given
up, the exit status is 1. SIGTERM and SIGINT end this process and all of its children.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import requests

from scripts.child import INHERITED, ROOT, Child
from scripts.outage_log import OutageLog
from scripts.server_probe import served_views, wait_until_gone
from viewstream.backoff import Backoff
from viewstream.dsn import usable_dsn
from viewstream.exit_status import ExitStatus
from viewstream.log_format import add_option, configure, log_line
from viewstream.names import split_view_name
from viewstream.protocol import ProtocolError
from viewstream.urls import DEFAULT_URL, is_server_url

log = logging.getLogger("pipeline")

FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the delay before a restart."""
RECOVERED = 12.0
"""Seconds after which a run ends an outage: an engine that is away is noticed within 10 s."""
SETTLED = 30.0
"""Seconds after which a run counts as a success, so that the delays begin short again."""
ENDED_DELAY = 10.0
"""Seconds before the next look at a view that can no longer change."""
ASK_EVERY = 1.0
"""Seconds between two questions which views the server serves."""
GRACE = 5.0
"""Seconds that a child has to end before it is killed."""
MANY_VIEWS = 20
"""Views from which on this is the wrong tool; docs/scaling.md has the figures."""
MB_PER_VIEW = 60
"""Memory of the two processes of a view."""
SHORTEST_SHOWN = 0.1
"""Seconds: a shorter delay is shown as this one, never as 0.0."""


class GivenUpError(Exception):
    """A script was refused for good, as it has printed on stderr."""


class Pipeline:
    """The pipeline of one view. `tail` and `post` are the options of the two scripts."""

    def __init__(self, view: str, tail: Sequence[str], post: Sequence[str]) -> None:
        self._view = view
        self._tail = [sys.executable, str(ROOT / "tail_view.py"), view, *tail]
        self._post = [sys.executable, str(ROOT / "post_deltas.py"), view, *post]
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        self._outage = OutageLog(partial(log_line, level=logging.WARNING), on_recovery=log_line)

    async def supervise(self) -> None:
        """Run until cancelled, or until a script is refused for good."""
        with suppress(GivenUpError):
            while True:
                began = time.monotonic()
                failure = await self.run_once()
                if failure is None or time.monotonic() - began > SETTLED:
                    self._backoff.reset()
                await asyncio.sleep(self._delay_after(failure))

    def _delay_after(self, failure: str | None) -> float:
        """Return the seconds to wait before the next run, and log them after a failure."""
        if failure is None:
            self._recover()
            return ENDED_DELAY
        delay = self._backoff.next_delay()
        shown = max(delay, SHORTEST_SHOWN)
        self._outage.add(f"pipeline: {self._view}: {failure}", f"; starting again in {shown:.1f} s")
        return delay

    def _recover(self) -> None:
        self._outage.recover(f"pipeline: {self._view}: runs again")

    def _recover_if_running(self, tail: Child, post: Child) -> None:
        if tail.is_running and post.is_running:
            self._recover()

    async def run_once(self) -> str | None:
        """Run both scripts to their end; return the failure, or None if the view has ended.

        Raises GivenUpError.
        """
        position = await self._ask_position()
        if position is None:
            return "the server did not answer with its position"
        tail_command = [*self._tail, "--resume", position]
        async with self._child(tail_command, stdout=subprocess.PIPE) as tail:
            pipe = tail.popen.stdout
            assert pipe is not None
            async with self._child(self._post, stdin=pipe.fileno(), stdout=INHERITED) as post:
                # Only the children have the pipe open, so each notices the end of the other.
                pipe.close()
                recovery = asyncio.get_running_loop().call_later(
                    RECOVERED, lambda: self._recover_if_running(tail, post)
                )
                try:
                    tailed, posted = await asyncio.gather(tail.ended(), post.ended())
                finally:
                    recovery.cancel()
        if tailed == posted == ExitStatus.ENDED:
            return None
        if ExitStatus.REFUSED in (tailed, posted):
            raise GivenUpError
        return f"tail_view.py ended with {tailed} and post_deltas.py with {posted}"

    async def _ask_position(self) -> str | None:
        """Return the server's position, or None if it does not answer; raises GivenUpError."""
        command = [*self._post, "--frontier"]
        async with self._child(command, stderr=subprocess.PIPE) as child:
            status = await child.ended()
            if child.popen.stderr is not None:
                self._outage.add_output(child.popen.stderr.read())
        if status == ExitStatus.REFUSED:
            raise GivenUpError
        return child.output.strip() if status == ExitStatus.ENDED else None

    @asynccontextmanager
    async def _child(
        self,
        command: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> AsyncIterator[Child]:
        """Start a child; it has ended when the block has, however the block ends.

        Its stderr goes to the outage log, if its stdout is given.
        """
        on_output = None if stdout is None else self._outage.add_output
        child = Child(command, stdin=stdin, stdout=stdout, stderr=stderr, on_output=on_output)
        try:
            yield child
        finally:
            await asyncio.shield(child.aclose(GRACE))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, found {text!r}")
    return value


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/pipeline",
        description="Run tail_view.py | post_deltas.py for each view, and restart what ends. "
        f"From about {MANY_VIEWS} views on, take server --tail instead: it needs one process.",
    )
    parser.add_argument("views", nargs="*", metavar="VIEW", help="NAME or SCHEMA.NAME")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every view that the server serves, also those that it serves later",
    )
    parser.add_argument("--dsn", type=usable_dsn, help="the engine (VIEWSTREAM_DSN)")
    parser.add_argument(
        "--server",
        default=os.environ.get("VIEWSTREAM_URL", DEFAULT_URL),
        metavar="URL",
        help="the server (VIEWSTREAM_URL; %(default)s)",
    )
    parser.add_argument("--body-limit", metavar="BYTES", help="the largest body that it takes")
    parser.add_argument(
        "--give-up-after",
        type=_seconds,
        metavar="SECONDS",
        help="end with status 1 when the server has not answered for so long, so that a supervisor "
        "starts this process in a network that works; default: try for ever",
    )
    add_option(parser)
    options = parser.parse_args(arguments)
    if not is_server_url(options.server):
        parser.error(f"expected a server such as {DEFAULT_URL}, found {options.server!r}")
    if options.all == bool(options.views):
        parser.error("expected views or --all, and not both")
    try:
        names = [(schema or "public", name) for schema, name in map(split_view_name, options.views)]
    except ProtocolError as error:
        parser.error(str(error))
    for number, name in enumerate(names):
        if name in names[:number]:
            parser.error(f"expected each view once, found {options.views[number]!r} again")
    return options


async def run_all(options: argparse.Namespace) -> int:
    """Run the pipelines of all views; return 0 after a signal, 1 if all views were given up."""
    tail = ["--dsn", options.dsn] if options.dsn else []
    post = ["--server", options.server]
    post += ["--body-limit", options.body_limit] if options.body_limit else []

    _recommend_tail(len(options.views))

    def supervise(view: str) -> Awaitable[None]:
        return Pipeline(view, tail, post).supervise()

    running: asyncio.Future[Any]
    if options.all:
        running = asyncio.ensure_future(_supervise_all(options.server, supervise))
    else:
        running = asyncio.gather(*map(supervise, options.views))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    watching = asyncio.ensure_future(wait_until_gone(options.server, options.give_up_after))
    try:
        await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            log.error("the server has not answered for %g s: ending", options.give_up_after)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return 1
        await running
    except asyncio.CancelledError:
        return 0
    finally:
        watching.cancel()
    return 1


def _recommend_tail(views: int) -> None:
    """Log that there is a better tool for so many views, if there is."""
    if views > MANY_VIEWS:
        log.info(
            f"{views} views take {2 * views} processes and {views * MB_PER_VIEW} MB: from about "
            f"{MANY_VIEWS} views on, the server reads them better itself (server --tail)"
        )


async def _supervise_all(server: str, supervise: Callable[[str], Awaitable[None]]) -> None:
    """Supervise the pipelines of all views of the server, and of those that it serves later."""
    running: dict[str, asyncio.Future[None]] = {}
    try:
        while True:
            with suppress(requests.RequestException):  # the server is away: ask again
                served = await asyncio.to_thread(served_views, server)
                if len(served) > len(running):
                    _recommend_tail(len(served))
                for view in set(served) - running.keys():
                    running[view] = asyncio.ensure_future(supervise(view))
            await asyncio.sleep(ASK_EVERY)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def main() -> int:
    options = parse_arguments()
    configure("", options.log_format)
    return asyncio.run(run_all(options))


if __name__ == "__main__":
    sys.exit(main())
