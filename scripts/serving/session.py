"""Runs a plan: starts the parts in their order, applies the SQL, and keeps everything running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg2
import requests

from scripts.serving.plan import Plan
from scripts.serving.views import describe_views, views_to_serve, write_list
from scripts.sql_files.apply import Application, NotYetError, kept, summary
from scripts.sql_files.statements import SqlFileError, Statement, list_files, read_statements
from scripts.supervisor import Supervisor, run_until_first_ends

sql_log = logging.getLogger("sql")
views_log = logging.getLogger("views")

_RETRY = 0.2
"""Seconds between two tries to apply the SQL."""
_LOOK_EVERY = 0.5
"""Seconds between two looks at the SQL files, the engine's views, and the server's health."""


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
            files = _signature(plan)
            await self._apply_sql(replace=plan.watches)
            await asyncio.to_thread(self._list_views)
            await supervisor.start(plan.server)
            if plan.pipeline is not None:
                await supervisor.start(plan.pipeline)
            print(self._announce(), flush=True)
            work = [supervisor.wait(), self._show_states(), self._follow_engine()]
            if plan.watches:
                work.append(self._watch(files))
            await run_until_first_ends(work)

    async def _apply_sql(self, *, replace: bool) -> None:
        """Apply the SQL files, and wait until that is possible; raises SqlFileError."""
        statements = read_statements(self._plan.sql, self._plan.variables)
        application = Application(statements, replace)
        shown = ""
        while True:
            try:
                await asyncio.to_thread(application.run, self._plan.dsn)
                break
            except SqlFileError:
                self._show_kept(statements, application)  # it may be the reason
                raise
            except NotYetError as error:
                if str(error) != shown:
                    shown = str(error)
                    sql_log.info("waiting: %s", shown)
                await asyncio.sleep(_RETRY)
        self._show_kept(statements, application)
        if statements:
            sql_log.info("%s", summary(application.outcomes))

    def _show_kept(self, statements: Sequence[Statement], application: Application) -> None:
        for line in kept(statements, application.outcomes, option="--watch, which replaces"):
            sql_log.warning("%s", line)

    async def _watch(self, applied: object) -> None:
        """Apply SQL files again when they change; an error is shown, and waits for an edit."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            found = _signature(self._plan)
            if found == applied:
                continue
            applied = found
            try:
                await self._apply_sql(replace=True)
                await asyncio.to_thread(self._list_views)
            except (SqlFileError, OSError) as error:
                sql_log.error("%s", error)

    async def _follow_engine(self) -> None:
        """Serve views that the engine has later, if all are to be served."""
        while self._plan.serves_all:
            await asyncio.sleep(_LOOK_EVERY)
            with contextlib.suppress(psycopg2.Error):  # the engine is away: look again
                await asyncio.to_thread(self._list_views)
        await asyncio.Event().wait()

    def _list_views(self) -> None:
        write_list(self._plan.view_list, views_to_serve(self._plan))

    async def _show_states(self) -> None:
        """Show the state of the views whenever it has changed, once it lasts for two looks."""
        plan = self._plan
        shown = seen = ""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            state = "the server does not answer"
            with contextlib.suppress(requests.RequestException):
                state = await asyncio.to_thread(describe_views, plan.url, plan.dsn)
            if state == seen and state != shown:
                views_log.info("%s", state)
                shown = state
            seen = state


def _signature(plan: Plan) -> list[tuple[Path, int, int]]:
    """Return what changes whenever a SQL file of the plan is edited, added or removed."""
    found = []
    for file in list_files(plan.sql):
        with contextlib.suppress(FileNotFoundError):  # an editor replaces it just now
            status = file.stat()
            found.append((file, status.st_mtime_ns, status.st_size))
    return found
