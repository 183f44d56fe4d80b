"""Runs long computations in worker threads, so that a statement does not block the event loop.

The threads are daemons: unlike those of an executor they do not delay the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 2
"""More threads would not be quicker, because they share the GIL."""

_places = asyncio.Semaphore(AT_ONCE)


async def off_loop(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await `work(..)`; it goes on in its thread when the caller is cancelled."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def run() -> None:
        try:
            outcome: tuple[Callable[[Any], None], Any] = future.set_result, work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- raised again where it is awaited
            outcome = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, *outcome)

    async with _places:
        threading.Thread(target=run, daemon=True).start()
        return await future
