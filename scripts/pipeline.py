"""Keeps views flowing: runs `tail_view.py | post_deltas.py` for each of them, again and again.

Each run resumes where the server stands. What fails is started again after a growing random delay
(full jitter); a view that has ended is asked again every ten seconds, quietly, since it may have
been replaced. A view that the server does not serve is given up while the others go on; once all
are given up, the exit status is 1. SIGTERM and SIGINT end this process and all of its children.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import random
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from viewstream.names import split_view_name
from viewstream.protocol import ProtocolError
from viewstream.urls import DEFAULT_URL, is_server_url

ROOT = Path(__file__).parents[1]
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the growing random delay before a new start."""
SETTLED = 30.0
"""Seconds after which a run counts as one that worked: delays begin small again."""
ENDED_DELAY = 10.0
"""Seconds before a view that can no longer change is asked again."""
PATIENCE = 5.0
"""Seconds that a child has to end before it is killed."""
SHORTEST_TOLD = 0.1
"""Seconds: a shorter delay is told as this one, never as 0.0."""
NOT_SERVED = "the server answered 404:"
"""How post_deltas.py says that the view is not served: docs/protocol.md says to end then."""
PR_SET_PDEATHSIG = 1


class NotServedError(Exception):
    """The server does not serve the view, as post_deltas.py has said on stderr."""


def die_with_the_parent(
    number: signal.Signals = signal.SIGTERM,
) -> Callable[[], None] | None:
    """What a child runs first, so that nothing is left when this process is killed (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before it could be asked for
            os.kill(os.getpid(), number)

    return ask


class Pipeline:
    """One view's pipeline. `tail` and `post` are the options that the two scripts are given."""

    def __init__(self, view: str, tail: Sequence[str], post: Sequence[str]) -> None:
        self._view = view
        self._tail = [str(ROOT / "tail_view.py"), view, *tail]
        self._post = [str(ROOT / "post_deltas.py"), view, *post]
        self._before = die_with_the_parent()

    async def run(self) -> None:
        """Run until cancelled, or until the server says that it does not serve the view."""
        with suppress(NotServedError):
            await self._run_again_and_again()

    async def _run_again_and_again(self) -> None:
        bound = FIRST_DELAY
        while True:
            begin = time.monotonic()
            failure = await self.run_once()
            if failure is None:
                bound = FIRST_DELAY
                await asyncio.sleep(ENDED_DELAY)
                continue
            if time.monotonic() - begin > SETTLED:
                bound = FIRST_DELAY
            delay = random.uniform(0, bound)  # noqa: S311 -- full jitter, not a secret
            bound = min(2 * bound, LONGEST_DELAY)
            told = max(delay, SHORTEST_TOLD)
            say(f"{self._view}: {failure}; starting again in {told:.1f} s")
            await asyncio.sleep(delay)

    async def run_once(self) -> str | None:
        """One run to its end; return what went wrong, or None if the view can no longer change.

        Raises NotServedError.
        """
        position = await self._ask()
        if position is None:
            return "the server did not say where it stands"
        reading, writing = os.pipe()
        with os.fdopen(reading) as stdin, os.fdopen(writing) as stdout:
            async with (
                self._child([*self._tail, "--resume", position], stdout=stdout) as tail,
                self._child(self._post, stdin=stdin) as post,
            ):
                # Only the children hold the pipe's ends, so each notices when the other is gone.
                stdin.close()
                stdout.close()
                tailed, posted = await asyncio.gather(tail.wait(), post.wait())
        if tailed == posted == 0:
            return None
        return f"tail_view.py ended with {tailed} and post_deltas.py with {posted}"

    async def _ask(self) -> str | None:
        """Where the server stands, or None if it does not say; raises NotServedError."""
        async with self._child([*self._post, "--frontier"], stdout=PIPE, stderr=PIPE) as asking:
            position, complaint = (part.decode() for part in await asking.communicate())
        sys.stderr.write(complaint)
        sys.stderr.flush()
        if asking.returncode == 0:
            return position.strip()
        if NOT_SERVED in complaint:
            raise NotServedError
        return None

    @asynccontextmanager
    async def _child(
        self,
        arguments: Sequence[str],
        *,
        stdin: IO[str] | int = DEVNULL,
        stdout: IO[str] | int | None = None,
        stderr: int | None = None,
    ) -> AsyncIterator[Process]:
        """A child, which has ended when the block ends, however it ends."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=self._before,
        )
        try:
            yield child
        finally:
            await asyncio.shield(end(child))


async def end(child: Process) -> None:
    """Make sure that a child has ended: ask, wait, kill."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await child.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def say(message: str) -> None:
    print(f"pipeline: {message}", file=sys.stderr, flush=True)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/pipeline",
        description="Run tail_view.py | post_deltas.py for each view, again and again.",
    )
    parser.add_argument("views", nargs="+", metavar="VIEW", help="NAME or SCHEMA.NAME")
    parser.add_argument("--dsn", help="the engine (VIEWSTREAM_DSN)")
    parser.add_argument(
        "--server",
        default=os.environ.get("VIEWSTREAM_URL", DEFAULT_URL),
        metavar="URL",
        help="the server (VIEWSTREAM_URL; %(default)s)",
    )
    parser.add_argument("--body-limit", metavar="BYTES", help="the largest body that it takes")
    options = parser.parse_args(arguments)
    if not is_server_url(options.server):
        parser.error(f"expected a server such as {DEFAULT_URL}, found {options.server!r}")
    try:
        names = [(schema or "public", name) for schema, name in map(split_view_name, options.views)]
    except ProtocolError as error:
        parser.error(str(error))
    for number, name in enumerate(names):
        if name in names[:number]:
            parser.error(f"expected each view once, found {options.views[number]!r} again")
    return options


async def run_all(options: argparse.Namespace) -> int:
    """Run the pipelines of all views; return 0 after a signal, 1 if none has a view to run for."""
    tail = ["--dsn", options.dsn] if options.dsn else []
    post = ["--server", options.server]
    post += ["--body-limit", options.body_limit] if options.body_limit else []
    running = [asyncio.ensure_future(Pipeline(view, tail, post).run()) for view in options.views]
    together = asyncio.gather(*running)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, together.cancel)
    try:
        await together
    except asyncio.CancelledError:
        return 0
    return 1


def main() -> int:
    return asyncio.run(run_all(parse_arguments()))


if __name__ == "__main__":
    sys.exit(main())
