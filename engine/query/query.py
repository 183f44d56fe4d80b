"""A compiled query: its inputs, its columns, and the dataflow that computes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.query.ordering import in_order
from engine.query.plan import SortKey, Types
from engine.query.render import count, render
from engine.query.rewrite.share import Program
from engine.relation import Column
from engine.scalar import Environment, Evaluation, Scalar, Transaction
from engine.types import SqlType
from engine.zset import Row, Value, ZSet


@dataclass(frozen=True)
class Finishing:
    """ORDER BY, LIMIT and OFFSET of a one-off result, whose rows have these types.

    The rows may have more columns than the query: these serve `order`, and are cut off.
    """

    types: Types
    order: tuple[SortKey, ...]
    limit: Scalar | None
    offset: Scalar | None


@dataclass(frozen=True)
class Query:
    """A query that was bound and planned; immutable, may be run many times.

    `inputs` are the ids of the relations whose rows it reads; `dependencies` are these and the
    plain views that were inlined. `parameters` are the types of `$1`, `$2` and so on. `explain`
    has the lines of the printed plan.
    """

    columns: tuple[Column, ...]
    inputs: tuple[str, ...]
    dependencies: tuple[str, ...]
    parameters: tuple[SqlType, ...]
    explain: tuple[str, ...]
    environment: Environment
    program: Program
    finishing: Finishing
    is_large: bool = False
    """Whether to build its dataflow takes so long that a worker thread should do it."""

    def dataflow(
        self,
        environment: Environment | None = None,
        parameters: Sequence[Value] = (),
        time: int = 0,
        transaction: Transaction | None = None,
    ) -> Dataflow:
        """Build a dataflow; a one-off SELECT feeds it all contents of its inputs at `time`.

        `environment` is that of the compilation by default, `parameters` are the values of
        `$1`, `$2` .. (None for NULL), `time` is the value of mz_logical_timestamp() in a one-off
        SELECT, `transaction` gives the value of now(). Raises SqlError if a constant part cannot be
        evaluated.
        """
        evaluation = Evaluation(environment or self.environment, time, parameters, transaction)
        try:
            return render(self.program, evaluation, is_large=self.is_large)
        except RecursionError as error:
            raise SqlError("statement is nested too deeply", "54001") from error

    def finish(self, result: ZSet, parameters: Sequence[Value] = ()) -> list[Row]:
        """The rows of a one-off result: sorted, limited, repeated by their weight.

        Without ORDER BY rows are sorted by their columns, so that the order is always the same.
        """
        return [row for part in self.finish_in_parts(result, parameters) for row in part]

    def finish_in_parts(
        self, result: ZSet, parameters: Sequence[Value] = ()
    ) -> Iterator[list[Row]]:
        """The same rows in parts, some empty; each part takes a few milliseconds."""
        finishing = self.finishing
        evaluation = Evaluation(self.environment, 0, parameters)
        skip = count(finishing.offset, "OFFSET", evaluation) or 0
        limit = count(finishing.limit, "LIMIT", evaluation)
        end = None if limit is None else skip + limit
        width = len(self.columns)
        cut = len(finishing.types) > width
        before = 0
        for part in in_order(result, finishing.types, finishing.order, end):
            rows: list[Row] = []
            for row in part:
                rows += [row[:width] if cut else row] * result[row]
            yield rows[max(0, skip - before) : None if end is None else max(0, end - before)]
            before += len(rows)
            if end is not None and before >= end:
                break
