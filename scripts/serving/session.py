"""Runs a plan: starts the parts in their order, applies the SQL, and keeps everything running."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from scripts.serving.plan import Plan
from scripts.sql_files.apply import Application, NotYetError, kept, summary
from scripts.sql_files.statements import read_statements
from scripts.supervisor import Supervisor

_RETRY = 0.2
"""Seconds between two tries to apply the SQL."""


class Session:
    """One run of a plan. `announce` returns what to show once everything runs."""

    def __init__(self, plan: Plan, announce: Callable[[], str]) -> None:
        self._plan = plan
        self._announce = announce
        self._signal = 0

    def run(self) -> int:
        """Run until a signal; return the exit status. Raises PartError and SqlFileError."""
        return asyncio.run(self._run_until_signal())

    async def _run_until_signal(self) -> int:
        running = asyncio.create_task(self._run())

        def on_signal(number: signal.Signals) -> None:
            self._signal = number
            running.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return 128 + self._signal

    async def _run(self) -> None:
        plan = self._plan
        async with Supervisor(plan.environment, cwd=Path.cwd()) as supervisor:
            for part in (plan.source, plan.engine):
                if part is not None:
                    await supervisor.start(part)
            await self._apply_sql()
            await supervisor.start(plan.server)
            await supervisor.start(plan.pipeline)
            show(self._announce())
            await supervisor.wait()

    async def _apply_sql(self) -> None:
        statements = read_statements(self._plan.sql, self._plan.variables)
        application = Application(statements)
        while True:
            try:
                await asyncio.to_thread(application.run, self._plan.dsn)
                break
            except NotYetError as error:
                show(f"sql       | waiting: {error}")
                await asyncio.sleep(_RETRY)
        for line in kept(statements, application.outcomes):
            show(f"sql       | {line}")
        show(f"sql       | {summary(application.outcomes)}")


def show(text: str) -> None:
    print(text, flush=True)
