"""Runs the plans of one session: reads, writes, and statements about the session itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.coordinator import Coordinator
from engine.errors import SqlError
from engine.pgwire import backend
from engine.session import encode
from engine.session.copying import CopyIn, CopyOut
from engine.session.interruption import Interruption
from engine.session.peer import Peer
from engine.session.plan import (
    AnswerPlan,
    CommandPlan,
    CopyFromPlan,
    CopyPlan,
    DeclarePlan,
    FetchPlan,
    Plan,
    ReadPlan,
    SelectPlan,
    TailPlan,
    WritePlan,
)
from engine.session.planner import Planner
from engine.session.portal import Portal, fetch
from engine.session.reading import Reading
from engine.session.rows import TailRows
from engine.session.state import Prepared, State
from engine.session.transaction import Transaction
from engine.sql import statements as s
from engine.sql.statements.definitions import command_of
from engine.zset import Value

_WAYS_OUT = (s.Commit, s.Rollback, s.RollbackTo)
"""Statements that a failed transaction accepts."""
_NO_BLOCK = "cannot be run inside a transaction block"
_HINT = "run it alone, outside of BEGIN and COMMIT (with autocommit)"


class Executor:
    """Plans and executes; writes rows and completions to the output, raises SqlError."""

    def __init__(self, coordinator: Coordinator, output: Peer) -> None:
        self._coordinator = coordinator
        self._output = output
        self.state = State()
        self.transaction = Transaction(coordinator)
        self.interruption = Interruption()
        self.in_series = False
        """Whether the statement is one of several that are done together."""
        self.planner = Planner(
            coordinator,
            self.state.settings,
            self.state.cursor_columns,
            self.state.prepared_statement,
        )
        self._reading = Reading(coordinator, self.transaction, output)

    def plan(self, statement: s.Statement, declared: Sequence[int] = ()) -> Plan:
        """Bind a statement's names; raises SqlError, also if the transaction has failed."""
        self.check(statement)
        return self.planner.plan(statement, declared)

    def check(self, statement: s.Statement) -> None:
        """Raise SqlError if the transaction has failed and the statement is no way out of it."""
        if self.transaction.failed and not isinstance(statement, _WAYS_OUT):
            raise SqlError(
                "current transaction is aborted, commands ignored until end of transaction block",
                "25P02",
            )

    # Ends

    async def finish(self) -> None:
        """End an implicit transaction, with its writes; a block stays open."""
        if not self.transaction.in_block:
            await self._end_transaction(commit=True)

    def fail(self) -> None:
        """An error has happened: undo what the transaction did; a block stays, as failed."""
        self.transaction.fail()
        if not self.transaction.in_block:
            self.close()

    def close(self) -> None:
        """Roll back an open transaction, and free its cursors."""
        self.state.close_portals()
        self.state.settings.end_transaction()
        self.transaction.rollback()

    async def _end_transaction(self, *, commit: bool) -> None:
        self.state.close_portals()
        self._change_settings(self.state.settings.end_transaction)
        if commit:
            await self.transaction.commit()
        else:
            self.transaction.rollback()

    # Execution

    async def execute(self, portal: Portal, limit: int = 0, *, describe: bool = False) -> None:
        """Run a portal: write its rows (at most `limit`, 0 for all) and how it ended.

        With `describe` the description of the rows is written before them.
        """
        plan = portal.plan
        match plan:
            case SelectPlan() | TailPlan() | AnswerPlan():
                await self._answer(portal, plan, limit, describe=describe)
            case FetchPlan():
                await self._fetch(portal, plan, describe=describe)
            case CopyPlan(source, form):
                with self.interruption:
                    rows = await self._reading.open(portal, source)
                    copy_out = CopyOut(self._reading, self._output)
                    count = await copy_out.send(portal, rows, source.columns, form)
                self._complete(f"COPY {count}")
            case CopyFromPlan():
                self._complete(f"COPY {await self._copy_from(plan)}")
            case DeclarePlan():
                self._declare(plan, portal.parameters)
            case WritePlan():
                self._complete(await self._write(plan, portal.parameters))
            case CommandPlan(statement):
                self._complete(await self._command(statement))
            case None:
                self._output.write(backend.empty_query_response())

    def _complete(self, tag: str) -> None:
        self._output.write(backend.command_complete(tag))

    async def _answer(self, portal: Portal, plan: ReadPlan, limit: int, *, describe: bool) -> None:
        with self.interruption:
            rows = await self._reading.open(portal, plan)
            if isinstance(plan, TailPlan) and plan.statement.verb == "TAIL" and not limit:
                self.notice(
                    "streaming TAIL rows directly requires a client that does not buffer output",
                    "00000",
                )
            if describe:
                fields = encode.fields(plan.columns, portal.formats)
                self._output.write(backend.row_description(fields))
            encoder = encode.data_rows(plan.columns, portal.formats)
            if limit:
                taken = await fetch(portal, rows, limit, None)
                await self._reading.send(taken, encoder, last=True)
                count = len(taken)
            else:
                count = await self._reading.stream(portal, rows, encoder)
        if portal.done:
            self._complete(f"SELECT {count}")
        else:
            self._output.write(backend.portal_suspended())

    async def _fetch(self, portal: Portal, plan: FetchPlan, *, describe: bool) -> None:
        cursor, source = self.state.find_cursor(plan.statement.cursor)
        with self.interruption:
            rows = await self._reading.open(cursor, source)
            encoder = encode.data_rows(source.columns, portal.formats)
            if isinstance(rows, TailRows):
                encoder = rows.share(encoder, portal.formats)
            taken = await fetch(cursor, rows, plan.statement.count, plan.statement.timeout)
            if describe:
                fields = encode.fields(source.columns, portal.formats)
                self._output.write(backend.row_description(fields))
            await self._reading.send(taken, encoder, last=True)
        self._complete(f"FETCH {len(taken)}")

    async def _copy_from(self, plan: CopyFromPlan) -> int:
        """Receive rows and add them, at once or at the end of the transaction."""
        self.transaction.check_writable()
        with self.interruption:
            copied = await CopyIn(self._coordinator, self._output).receive(plan)
        if self.transaction.in_block or self.in_series:
            self.transaction.write(copied, ())
        else:
            await self._coordinator.write([(copied, ())])
        return sum(copied.rows.values())

    def _declare(self, plan: DeclarePlan, parameters: Sequence[Value]) -> None:
        if not self.transaction.in_block and not self.in_series:
            raise SqlError("DECLARE CURSOR can only be used in transaction blocks", "25P01")
        self.state.add_portal(plan.cursor, Portal(plan.source, parameters))
        self._complete("DECLARE CURSOR")

    async def _write(self, plan: WritePlan, parameters: Sequence[Value]) -> str:
        """Write at once, or, with others, at the end of the transaction; returns the tag."""
        write = plan.write
        if not self.transaction.in_block and not self.in_series:
            (count,) = await self._coordinator.write([(write, parameters)])
        elif plan.is_constant:
            answer = await self._coordinator.peek(write.query, parameters)
            self.transaction.write(write, parameters)
            count = len(answer.rows)
        else:
            what = write.command.removesuffix(" 0")
            raise SqlError(f"{what} that reads a relation {_NO_BLOCK}", "25001", hint=_HINT)
        return f"{write.command} {count}"

    async def _command(self, statement: s.DdlStatement | s.Control) -> str:
        """Run a statement that has no rows; returns the tag."""
        match statement:
            case s.Begin(tag):
                if self.transaction.in_block:
                    self.notice("there is already a transaction in progress", "25001")
                self.transaction.begin()
                return tag
            case s.Commit() | s.Rollback():
                return await self._end(commit=isinstance(statement, s.Commit))
            case s.Savepoint(savepoint):
                self.transaction.savepoint(savepoint)
                return "SAVEPOINT"
            case s.RollbackTo(savepoint):
                self.transaction.roll_back_to(savepoint)
                return "ROLLBACK"
            case s.Release(savepoint):
                self.transaction.release(savepoint)
                return "RELEASE"
            case s.Close(cursor):
                return self._close_cursor(cursor)
            case s.Prepare():
                self._prepare(statement)
                return "PREPARE"
            case s.Deallocate(prepared):
                return self._deallocate(prepared)
            case s.SetVariable(name, value, local):
                self._change_settings(lambda: self.state.settings.set(name, value, local=local))
                return "SET"
            case s.ResetVariable(which):
                self._change_settings(lambda: self.state.settings.reset(which))
                return "RESET"
            case s.Discard(what):
                return self._discard(what)
            case s.Nothing(tag):
                return tag
            case s.Declare() | s.Fetch() | s.Execute():
                raise AssertionError("has a plan of its own")
        if self.transaction.in_block or self.in_series:
            raise SqlError(f"{command_of(statement)} {_NO_BLOCK}", "25001", hint=_HINT)
        if isinstance(statement, s.CreateTable) and statement.unenforced:
            names = ", ".join(dict.fromkeys(statement.unenforced))
            self.notice(f"constraints of tables are not enforced: {names}", "0A000")
        return await self._coordinator.execute_ddl(statement)

    def _prepare(self, prepare: s.Prepare) -> None:
        plan = self.plan(prepare.statement, prepare.types)
        version = self._coordinator.catalog.version
        prepared = Prepared(prepare.statement, prepare.types, plan, version)
        self.state.add_prepared(prepare.name, prepared)

    async def _end(self, *, commit: bool) -> str:
        if not self.transaction.in_block:
            self.notice("there is no transaction in progress", "25P01")
        commit = commit and not self.transaction.failed
        await self._end_transaction(commit=commit)
        return "COMMIT" if commit else "ROLLBACK"

    def _close_cursor(self, name: str | None) -> str:
        if name is None:
            self.state.close_portals()
            return "CLOSE CURSOR ALL"
        self.state.find_cursor(name)
        self.state.close_portal(name)
        return "CLOSE CURSOR"

    def _deallocate(self, name: str | None) -> str:
        if name is None:
            self.state.prepared.clear()
            return "DEALLOCATE ALL"
        self.state.find_prepared(name)
        del self.state.prepared[name]
        return "DEALLOCATE"

    def _discard(self, what: str) -> str:
        if what == "ALL":
            if self.transaction.in_block or self.in_series:
                raise SqlError(f"DISCARD ALL {_NO_BLOCK}", "25001", hint=_HINT)
            self.state.close_portals()
            self.state.prepared.clear()
            self._change_settings(lambda: self.state.settings.reset(None))
        return f"DISCARD {what}"

    def _change_settings(self, change: Callable[[], None]) -> None:
        """Change a setting, and report it to the client if it is one that clients follow."""
        before = self.state.settings.reported()
        change()
        for name, value in self.state.settings.reported().items():
            if before[name] != value:
                self._output.write(backend.parameter_status(name, value))

    def notice(self, message: str, code: str) -> None:
        self._output.write(backend.notice_response(SqlError(message, code)))
