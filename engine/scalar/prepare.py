"""Prepares an expression for the code writer: inserts values, folds constants."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.errors import SqlError
from engine.scalar.environment import Evaluation
from engine.scalar.functions.dates import difference
from engine.scalar.nodes import (
    Call,
    Case,
    Coalesce,
    Constant,
    IsNull,
    Logic,
    Node,
    Parameter,
    Session,
)
from engine.types import BOOL
from engine.types.temporal import UNIX_EPOCH


def prepare(node: Node, evaluation: Evaluation | None = None) -> Node:
    """The node with parameters and session functions replaced by values, and then folded.

    A constant part whose evaluation fails is left as it is: it may never be evaluated (CASE), and
    if it is, it fails for each row.
    """
    match node:
        case Parameter():
            return Constant(node.type, _parameter(node.number, evaluation))
        case Session():
            return Constant(node.type, session_value(node.name, evaluation))
    children = node.children
    if not children:
        return node
    node = node.rebuild(tuple(prepare(child, evaluation) for child in children))
    match node:
        case Call():
            return _fold_call(node)
        case Logic():
            return _fold_logic(node)
        case Case():
            return _fold_case(node)
        case Coalesce():
            return _fold_coalesce(node)
        case IsNull():
            return _fold_is_null(node)
    return node


def _parameter(number: int, evaluation: Evaluation | None) -> Any:
    if evaluation is None or number > len(evaluation.parameters):
        raise SqlError(f"there is no parameter ${number}", "42P02")
    return evaluation.parameters[number - 1]


def session_value(name: str, evaluation: Evaluation | None) -> Any:
    """The value of a session function; the names are those of `functions/session.py`."""
    assert evaluation is not None, f"{name} was compiled without an evaluation"
    environment = evaluation.environment
    match name:
        case "mz_logical_timestamp":
            return Decimal(evaluation.time)
        case "now":
            return _moment(evaluation.now)
        case "pg_postmaster_start_time":
            return environment.start_time
        case "mz_uptime":
            return difference(_moment(evaluation.now), environment.start_time)
        case "mz_version" | "version":
            return getattr(environment, name)
        case "current_database":
            return environment.database
        case "current_schema":
            return environment.schema
        case "current_user":
            return environment.user
    raise AssertionError(name)


def _moment(milliseconds: int) -> datetime:
    return UNIX_EPOCH + timedelta(milliseconds=milliseconds)


def _fold_call(node: Call) -> Node:
    if node.function.volatile or not all(isinstance(a, Constant) for a in node.arguments):
        return node
    values = [argument.value for argument in node.arguments if isinstance(argument, Constant)]
    if node.function.strict and None in values:
        return Constant(node.type, None)
    try:
        return Constant(node.type, node.function.python(*values))
    except SqlError:
        return node


def _fold_logic(node: Logic) -> Node:
    """Constant operands decide (false in AND) or have no say (true in AND)."""
    operands = [
        operand
        for operand in node.operands
        if not (isinstance(operand, Constant) and operand.value is node.is_and)
    ]
    if any(isinstance(o, Constant) and o.value is (not node.is_and) for o in operands):
        return Constant(BOOL, not node.is_and)
    if not operands:
        return Constant(BOOL, node.is_and)
    if len(operands) == 1:
        return operands[0]
    return Logic(BOOL, node.is_and, tuple(operands))


def _fold_is_null(node: IsNull) -> Node:
    operand = node.operand
    return Constant(BOOL, operand.value is None) if isinstance(operand, Constant) else node


def _fold_case(node: Case) -> Node:
    branches: list[tuple[Node, Node]] = []
    for condition, value in node.branches:
        if not isinstance(condition, Constant):
            branches.append((condition, value))
        elif condition.value:
            return Case(node.type, tuple(branches), value) if branches else value
    return Case(node.type, tuple(branches), node.default) if branches else node.default


def _fold_coalesce(node: Coalesce) -> Node:
    operands = tuple(o for o in node.operands if not (isinstance(o, Constant) and o.value is None))
    if not operands:
        return Constant(node.type, None)
    if len(operands) == 1 or not operands[0].nullable:
        return operands[0]
    return Coalesce(node.type, operands)
