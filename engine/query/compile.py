"""The way from a parsed query to a plan that can be run."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from engine.errors import SqlError
from engine.query.bind import Context, bind_query
from engine.query.bind.context import Surroundings
from engine.query.decorrelate import decorrelate
from engine.query.explain import explained
from engine.query.keys import with_safe_keys
from engine.query.limits import without_offsets
from engine.query.maintainable import check_maintainable
from engine.query.plan import Get, Plan
from engine.query.prune import pruned
from engine.query.pushdown import pushed
from engine.query.query import Finishing, Query
from engine.query.share import Program, shared
from engine.relation import Resolver
from engine.scalar import Environment
from engine.types import TEXT, UNKNOWN, SqlType


def compile_query(
    tree: exp.Query,
    resolver: Resolver,
    environment: Environment,
    *,
    maintained: bool,
    parameters: Mapping[int, SqlType] | None = None,
) -> Query:
    """Bind, check and plan a query.

    `maintained` says that its result is kept up to date as its inputs change (a view, a TAIL), as
    opposed to a SELECT that is answered once. `parameters` are types that were declared for `$1`
    and so on. Raises SqlError for what is wrong or not supported.
    """
    context = Context(resolver, environment, maintained, dict(parameters or {}))
    try:
        return _compiled(tree, context)
    except RecursionError as error:
        raise SqlError("statement is nested too deeply", "54001") from error


def _compiled(tree: exp.Query, context: Context) -> Query:
    maintained = context.maintained
    bound = bind_query(context, tree, Surroundings())
    plan = bound.as_table() if maintained else bound.plan
    program = _optimised(plan)
    if maintained:
        check_maintainable(program)
    finishing = Finishing(plan.types, (), None, None)
    if not maintained:
        finishing = Finishing(plan.types, bound.order, bound.limit, bound.offset)
    return Query(
        columns=bound.columns,
        inputs=tuple(_inputs(program)),
        dependencies=tuple(context.dependencies),
        parameters=_parameter_types(context),
        explain=explained(program),
        environment=context.environment,
        program=program,
        finishing=finishing,
    )


def _optimised(plan: Plan) -> Program:
    program = shared(decorrelate(without_offsets(plan)))
    bindings = tuple((name, with_safe_keys(pushed(part))) for name, part in program.bindings)
    return pruned(Program(bindings, with_safe_keys(pushed(program.result))))


def _inputs(program: Program) -> list[str]:
    found: dict[str, None] = {}

    def visit(plan: Plan) -> None:
        if isinstance(plan, Get):
            found[plan.id] = None
        for child in plan.inputs:
            visit(child)

    for _, part in program.bindings:
        visit(part)
    visit(program.result)
    return list(found)


def _parameter_types(context: Context) -> tuple[SqlType, ...]:
    numbers = context.parameters
    types = (numbers.get(number, UNKNOWN) for number in range(1, max(numbers, default=0) + 1))
    return tuple(TEXT if type_ is UNKNOWN else type_ for type_ in types)
