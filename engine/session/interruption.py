"""Lets a cancel request interrupt a statement that waits or reads."""

from __future__ import annotations

import asyncio
from types import TracebackType

from engine.errors import SqlError


class Interruption:
    """A context manager around what may be cut short at any await.

    `interrupt` outside of it does nothing: a change of the catalog, once begun, is not left
    half done.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._requested = False
        self._closed = False

    def close(self) -> None:
        """The client is gone: interrupt the statement, and let no other one begin."""
        self._closed = True
        self.interrupt()

    def interrupt(self) -> bool:
        """Interrupt the statement with SqlError 57014; returns whether one is running."""
        if self._task is None:
            return False
        self._requested = True
        return self._task.cancel()

    def __enter__(self) -> None:
        if self._closed:
            raise SqlError("the client is gone", "08006")
        self._task = asyncio.current_task()
        self._requested = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._requested and isinstance(error, asyncio.CancelledError) and task is not None:
            task.uncancel()
            raise SqlError("canceling statement due to user request", "57014") from None
