"""One client's session: takes messages, writes answers. Sockets are the listener's.

Its part is the protocol: which answers belong to which message, and what an error ends. What the
statements do is in `engine.session.executor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence

from engine.coordinator import Coordinator
from engine.errors import SqlError
from engine.pgwire import backend, messages
from engine.pgwire.messages import FrontendMessage
from engine.pgwire.reader import MalformedMessageError
from engine.relation import Column
from engine.session import encode
from engine.session.executor import Executor
from engine.session.peer import Peer
from engine.session.plan import FetchPlan, Plan, RowsPlan, WritePlan
from engine.session.portal import Portal
from engine.session.settings import Settings
from engine.session.state import Prepared
from engine.sql import statements as s
from engine.sql.parser import parse_statement, parse_statements
from engine.worker import off_loop

LONG_STATEMENT = 2_000
"""Characters from which on a statement is parsed and planned in a worker thread."""

_log = logging.getLogger(__name__)


class Session:
    """`handle` is called with one message after the other; it raises nothing but cancellation."""

    def __init__(self, coordinator: Coordinator, output: Peer) -> None:
        self._coordinator = coordinator
        self._output = output
        self._executor = Executor(coordinator, output)
        self._state = self._executor.state
        self._skipping = False
        """Whether an error has made void all that comes before the next Sync."""

    @property
    def settings(self) -> Settings:
        return self._state.settings

    def identify(self, process_id: int) -> None:
        """Set the number under which the client can cancel statements."""
        self._executor.planner.process_id = process_id

    def interrupt(self) -> bool:
        """End what waits or reads, with error 57014; returns whether anything does."""
        return self._executor.interruption.interrupt()

    def abandon(self) -> None:
        """The client is gone: end what waits or reads, now and from now on."""
        self._executor.interruption.close()

    def close(self) -> None:
        """Undo what is not committed, and free everything."""
        self._executor.close()

    def ready(self) -> None:
        """Send ReadyForQuery."""
        self._output.write(backend.ready_for_query(self._executor.transaction.status))
        self._output.flush()

    def reject(self, error: MalformedMessageError) -> None:
        """Answer a message that could not be read, as any other that fails."""
        if self._skipping:
            return
        self._fail(error)
        if error.in_query:
            self.ready()
        else:
            self._skipping = True

    async def handle(self, message: FrontendMessage) -> None:
        """Do what a message asks for, and write the answer."""
        if isinstance(message, messages.Sync):
            await self._sync()
        elif self._skipping:
            return
        elif isinstance(message, messages.Query):
            await self._query(message.sql)
        elif isinstance(message, messages.Flush):
            self._output.flush()
        elif isinstance(message, messages.CopyData | messages.CopyDone | messages.CopyFail):
            return  # the rest of a COPY that has failed
        else:
            self._skipping = not await self._guard(self._extended(message))

    async def _guard(self, work: Coroutine[None, None, None]) -> bool:
        """Do `work`; write the error if there is one. Returns whether there was none."""
        try:
            await work
        except SqlError as error:
            self._fail(error)
        except RecursionError:
            self._fail(SqlError("statement is nested too deeply", "54001"))
        except Exception as error:  # noqa: BLE001 -- a fault of ours must not end other sessions
            _log.exception("a statement failed unexpectedly")
            self._fail(SqlError(f"internal error: {type(error).__name__}: {error}", "XX000"))
        else:
            return True
        return False

    def _fail(self, error: SqlError) -> None:
        self._executor.fail()
        self._output.write(backend.error_response(error))
        # The client may be waiting for nothing else, and not have asked for it by a Sync.
        self._output.flush()

    # The simple protocol

    async def _query(self, sql: str) -> None:
        await self._guard(self._run_all(sql))
        self._executor.in_series = False
        self.ready()

    async def _run_all(self, sql: str) -> None:
        statements = await self._parse_all(sql)
        if not statements:
            self._output.write(backend.empty_query_response())
        self._executor.in_series = len(statements) > 1
        for statement in statements:
            plan = await self._plan(statement, (), sql)
            if plan.parameters:
                raise SqlError("there is no parameter $1", "42P02", hint="bind its value")
            with contextlib.closing(Portal(plan)) as portal:
                await self._executor.execute(portal, describe=True)
            # Let other clients run between the statements of a long list.
            await asyncio.sleep(0)
        await self._executor.finish()

    async def _plan(self, statement: s.Statement, declared: Sequence[int], sql: str) -> Plan:
        if len(sql) < LONG_STATEMENT:
            return self._executor.plan(statement, declared)
        return await off_loop(self._executor.plan, statement, declared)

    async def _parse_all(self, sql: str) -> list[s.Statement]:
        if len(sql) < LONG_STATEMENT:
            return parse_statements(sql)
        return await off_loop(parse_statements, sql)

    # The extended protocol

    async def _extended(self, message: FrontendMessage) -> None:
        match message:
            case messages.Parse(name, sql, declared):
                await self._parse(name, sql, declared)
            case messages.Bind():
                await self._bind(message)
            case messages.Describe(kind, name):
                self._describe(kind, name)
            case messages.Execute(name, limit):
                await self._execute(name, limit)
            case messages.Close(kind, name):
                if kind == "statement":
                    self._state.prepared.pop(name, None)
                else:
                    self._state.close_portal(name)
                self._output.write(backend.close_complete())
            case messages.Unexpected(what):
                raise SqlError(f"expected a query, found {what}", "08P01")
            case _:
                raise SqlError(f"unexpected message {type(message).__name__}", "08P01")

    async def _parse(self, name: str, sql: str, declared: tuple[int, ...]) -> None:
        if len(sql) < LONG_STATEMENT:
            statement = parse_statement(sql)
        else:
            statement = await off_loop(parse_statement, sql)
        plan = None if statement is None else await self._plan(statement, declared, sql)
        version = self._coordinator.catalog.version
        is_long = len(sql) >= LONG_STATEMENT
        self._state.add_prepared(name, Prepared(statement, declared, plan, version, is_long))
        self._output.write(backend.parse_complete())

    async def _bind(self, message: messages.Bind) -> None:
        prepared = self._state.find_prepared(message.statement)
        plan = await self._plan_again(prepared)
        expected = 0 if plan is None else len(plan.parameters)
        if len(message.parameters) != expected:
            raise SqlError(
                f"bind message supplies {len(message.parameters)} parameters, but prepared "
                f'statement "{message.statement}" requires {expected}',
                "08P01",
            )
        parameters = encode.decode_parameters(
            () if plan is None else plan.parameters, message.parameter_formats, message.parameters
        )
        portal = Portal(plan, parameters, message.result_formats)
        self._state.add_portal(message.portal, portal)
        self._output.write(backend.bind_complete())

    async def _plan_again(self, prepared: Prepared) -> Plan | None:
        """Plan again if the catalog has changed; the columns of the result may not change."""
        if prepared.statement is None:
            return None
        unchanged = prepared.version == self._coordinator.catalog.version
        if unchanged and not isinstance(prepared.plan, FetchPlan):
            self._executor.check(prepared.statement)
            return prepared.plan
        if prepared.is_long:
            plan = await off_loop(self._executor.plan, prepared.statement, prepared.declared)
        else:
            plan = self._executor.plan(prepared.statement, prepared.declared)
        if _columns(plan) != _columns(prepared.plan):
            raise SqlError("cached plan must not change result type", "0A000")
        return plan

    def _describe(self, kind: str, name: str) -> None:
        formats: Sequence[int] = ()
        if kind == "statement":
            prepared = self._state.find_prepared(name)
            plan = prepared.plan
            self._output.write(backend.parameter_description(prepared.parameter_oids))
        else:
            portal = self._state.find_portal(name)
            plan, formats = portal.plan, portal.formats
        columns = _columns(plan)
        if columns is None:
            self._output.write(backend.no_data())
        else:
            self._output.write(backend.row_description(encode.fields(columns, formats)))

    async def _execute(self, name: str, limit: int) -> None:
        portal = self._state.find_portal(name)
        transaction = self._executor.transaction
        if not transaction.in_block:
            # Inserts that follow each other are done together at Sync, anything else at once.
            together = isinstance(portal.plan, WritePlan) and portal.plan.is_constant
            if not (together and transaction.has_writes):
                await transaction.commit()
            self._executor.in_series = together
        await self._executor.execute(portal, limit)

    async def _sync(self) -> None:
        self._skipping = False
        self._executor.in_series = False
        await self._guard(self._executor.finish())
        self.ready()


def _columns(plan: Plan | None) -> tuple[Column, ...] | None:
    """The columns that a plan answers with; None if it has no rows."""
    return plan.columns if isinstance(plan, RowsPlan) else None
