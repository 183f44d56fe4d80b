"""Compiles a parsed query: binds names, rewrites the plan, and checks what a view may contain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from sqlglot import exp

from engine.code import room_for_nesting
from engine.errors import not_supported
from engine.query.bind import QueryBinder
from engine.query.bind.binder import Binder, Surroundings
from engine.query.explain import explained
from engine.query.plan import Get, Plan, Temporal
from engine.query.query import Finishing, Query
from engine.query.rewrite.decorrelate import decorrelate
from engine.query.rewrite.normalise import with_safe_keys, without_offsets
from engine.query.rewrite.prune import pruned
from engine.query.rewrite.pushdown import pushed
from engine.query.rewrite.share import Program, shared
from engine.relation import Resolver
from engine.scalar import Environment, Scalar
from engine.scalar.nodes import Call, walk
from engine.types import TEXT, UNKNOWN, SqlType

_WAYS_AROUND = {
    "now": "for rows that come and go with time use a temporal filter: "
    "WHERE mz_logical_timestamp() <= expression",
    "mz_logical_timestamp": "it may stand alone on one side of a comparison in WHERE, joined to "
    "other conditions by AND: mz_logical_timestamp() <= expression",
}
LARGE = 500
"""Nodes of expressions from which a query is large."""

_ALWAYS_THE_SAME = {"version", "mz_version", "current_database", "pg_postmaster_start_time"}


def compile_query(
    tree: exp.Query,
    resolver: Resolver,
    environment: Environment,
    *,
    maintained: bool,
    parameters: Mapping[int, SqlType] | None = None,
) -> Query:
    """Bind, check and plan a query; raises SqlError.

    `maintained` is whether its result is kept up to date as its inputs change (a view, a TAIL), as
    opposed to a SELECT that is answered once. `parameters` are declared types of `$1` and so on.
    """
    binder = QueryBinder(resolver, environment, maintained=maintained, parameters=parameters or {})
    with room_for_nesting():
        return _compiled(tree, binder)


def _compiled(tree: exp.Query, binder: Binder) -> Query:
    maintained = binder.maintained
    bound = binder.query(tree, Surroundings())
    plan = bound.as_table() if maintained else bound.plan
    program = _optimised(plan)
    if maintained:
        _check_maintainable(program)
    finishing = Finishing(plan.types, (), None, None)
    if not maintained:
        finishing = Finishing(plan.types, bound.order, bound.limit, bound.offset)
    inputs = (part.id for part in _parts(program) if isinstance(part, Get))
    return Query(
        columns=bound.columns,
        inputs=tuple(dict.fromkeys(inputs)),
        dependencies=tuple(binder.dependencies),
        parameters=_parameter_types(binder),
        explain=explained(program),
        environment=binder.environment,
        program=program,
        finishing=finishing,
        is_large=_is_large(program),
    )


def _optimised(plan: Plan) -> Program:
    program = shared(decorrelate(without_offsets(plan)))
    bindings = tuple((name, with_safe_keys(pushed(part))) for name, part in program.bindings)
    return pruned(Program(bindings, with_safe_keys(pushed(program.result))))


def _is_large(program: Program) -> bool:
    nodes = (_ for part in _parts(program) for s in part.expressions for _ in walk(s.node))
    return next(islice(nodes, LARGE, None), None) is not None


def _parts(program: Program) -> Iterable[Plan]:
    """All operators of the program."""
    waiting = [*reversed(program.plans)]
    while waiting:
        plan = waiting.pop()
        yield plan
        waiting += reversed(plan.inputs)


def _parameter_types(binder: Binder) -> tuple[SqlType, ...]:
    numbers = binder.parameters
    types = (numbers.get(number, UNKNOWN) for number in range(1, max(numbers, default=0) + 1))
    return tuple(TEXT if type_ is UNKNOWN else type_ for type_ in types)


def _check_maintainable(program: Program) -> None:
    """Raise SqlError if the result may change although no input does."""
    kinds = set()
    for part in _parts(program):
        kinds.add(type(part))
        for scalar in part.expressions:
            _check_scalar(scalar)
    if Temporal in kinds and Get not in kinds:
        raise not_supported(
            "a temporal filter over nothing but constants", "put the rows into a table"
        )


def _check_scalar(scalar: Scalar) -> None:
    for name in sorted(scalar.session_functions - _ALWAYS_THE_SAME):
        hint = _WAYS_AROUND.get(name, "select it beside the view when you read the view")
        raise not_supported(f"{name}() in a view or TAIL", hint)
    for node in walk(scalar.node):
        if isinstance(node, Call) and node.function.volatile:
            raise not_supported(
                f"{node.function.name}() in a view or TAIL", "its value is different each time"
            )
    if scalar.parameters:
        raise not_supported(
            f"the parameter ${min(scalar.parameters)} in a view or TAIL", "write the value itself"
        )
