"""A compiled query: what it reads, what it gives, and how to run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.query.ordering import in_order
from engine.query.plan import SortKey, Types
from engine.query.render import count, render
from engine.query.share import Program
from engine.relation import Column
from engine.scalar import Environment, Evaluation, Scalar
from engine.types import SqlType
from engine.zset import Row, Value, ZSet


@dataclass(frozen=True)
class Finishing:
    """What ORDER BY, LIMIT and OFFSET do to a one-off result of rows with these types.

    The rows may have more columns than the query: they serve `order`, and are cut off.
    """

    types: Types
    order: tuple[SortKey, ...]
    limit: Scalar | None
    offset: Scalar | None


@dataclass(frozen=True)
class Query:
    """A query that was bound to the catalog and planned; immutable, may be run many times.

    `inputs` are the ids of the relations whose rows it reads; `dependencies` those and the ids of
    the plain views that were inlined. `parameters` are the types of `$1`, `$2` and so on.
    `explain` is the plan, a line each.
    """

    columns: tuple[Column, ...]
    inputs: tuple[str, ...]
    dependencies: tuple[str, ...]
    parameters: tuple[SqlType, ...]
    explain: tuple[str, ...]
    environment: Environment
    program: Program
    finishing: Finishing

    def dataflow(
        self,
        environment: Environment | None = None,
        parameters: Sequence[Value] = (),
        time: int = 0,
    ) -> Dataflow:
        """A fresh dataflow; a one-off SELECT steps it once, with all contents, at `time`.

        `environment` is that of the compilation unless given, `parameters` are the values of
        `$1`, `$2` .. (None for NULL), `time` is what mz_logical_timestamp() gives in a one-off
        SELECT. Raises SqlError if a constant part cannot be evaluated.
        """
        evaluation = Evaluation(environment or self.environment, time, parameters)
        try:
            return render(self.program, evaluation)
        except RecursionError as error:
            raise SqlError("statement is nested too deeply", "54001") from error

    def finish(self, result: ZSet, parameters: Sequence[Value] = ()) -> list[Row]:
        """A one-off result as the rows to send: sorted, limited, each as often as it is there.

        Without ORDER BY rows come sorted by their columns: the order is always the same.
        """
        return [row for part in self.finish_in_parts(result, parameters) for row in part]

    def finish_in_parts(
        self, result: ZSet, parameters: Sequence[Value] = ()
    ) -> Iterator[list[Row]]:
        """The same rows in parts, some empty: each is a few milliseconds of work."""
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
