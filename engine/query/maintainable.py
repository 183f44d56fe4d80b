"""Refuses, for views and TAILs, what changes without an input changing."""

from __future__ import annotations

from engine.errors import not_supported
from engine.query.plan import Get, Plan, Temporal
from engine.query.scalars import scalars_of
from engine.query.share import Program
from engine.scalar import Scalar
from engine.scalar.nodes import Call, walk

_WAYS_AROUND = {
    "now": "for rows that come and go with time use a temporal filter: "
    "WHERE mz_logical_timestamp() <= expression",
    "mz_logical_timestamp": "it may stand alone on one side of a comparison in WHERE, joined to "
    "other conditions by AND: mz_logical_timestamp() <= expression",
}
_ALWAYS_THE_SAME = {"version", "mz_version", "current_database", "pg_postmaster_start_time"}


def check_maintainable(program: Program) -> None:
    """Raise SqlError if the result depends on more than the inputs."""
    plans = [*(plan for _, plan in program.bindings), program.result]
    for plan in plans:
        _check(plan)
    if not any(_has(plan, Get) for plan in plans) and any(_has(plan, Temporal) for plan in plans):
        raise not_supported(
            "a temporal filter over nothing but constants", "put the rows into a table"
        )


def _has(plan: Plan, kind: type[Plan]) -> bool:
    return isinstance(plan, kind) or any(_has(child, kind) for child in plan.inputs)


def _check(plan: Plan) -> None:
    for scalar in scalars_of(plan):
        _check_scalar(scalar)
    for child in plan.inputs:
        _check(child)


def _check_scalar(scalar: Scalar) -> None:
    for name in sorted(scalar.session_functions - _ALWAYS_THE_SAME):
        hint = _WAYS_AROUND.get(name, "select it beside the view when you read the view")
        raise not_supported(f"{name}() in a view or TAIL", hint)
    for node in walk(scalar.node):
        if isinstance(node, Call) and node.function.volatile:
            raise not_supported(
                f"{node.function.name}() in a view or TAIL", "it gives another value each time"
            )
    if scalar.parameters:
        raise not_supported(
            f"the parameter ${min(scalar.parameters)} in a view or TAIL", "write the value itself"
        )
