"""The walk over a tree: each kind of it has a function, found by `translates`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar.calls import call_function
from engine.scalar.casts import Context, can_cast, cast
from engine.scalar.coercion import Scope
from engine.scalar.nodes import Column, Node
from engine.types import BOOL

Translate: TypeAlias = Callable[["Translator", Any], Node]
F = TypeVar("F", bound=Translate)

_TRANSLATIONS: dict[type[exp.Expr], Translate] = {}


def translates(*kinds: type[exp.Expr]) -> Callable[[F], F]:
    """Make a function known as the one for these kinds of trees."""

    def register(translate: F) -> F:
        _TRANSLATIONS.update(dict.fromkeys(kinds, translate))
        return translate

    return register


class Translator:
    """Turns the trees of one scope into typed nodes."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def node(self, tree: exp.Expr) -> Node:
        """The typed expression of a tree; raises SqlError."""
        found = self.scope.find(tree)
        if found is not None:
            index, type_ = found
            return Column(type_, index)
        translate = _TRANSLATIONS.get(type(tree))
        if translate is not None:
            return translate(self, tree)
        if isinstance(tree, exp.AggFunc):
            raise SqlError(
                f"aggregate functions are not allowed here: {tree.sql('postgres')}", "42803"
            )
        if isinstance(tree, exp.Func):
            arguments = [value for value in tree.args.values() if isinstance(value, exp.Expr)]
            return self.call(tree.sql_name().lower(), [*arguments, *tree.expressions])
        raise not_supported(f"the expression {tree.sql('postgres')}")

    def nodes(self, trees: Sequence[exp.Expr]) -> list[Node]:
        return [self.node(tree) for tree in trees]

    def condition(self, tree: exp.Expr, what: str) -> Node:
        """`tree` as a boolean; `what` names the place in the error."""
        node = self.node(tree)
        if not can_cast(node.type, BOOL, Context.IMPLICIT):
            raise SqlError(
                f"argument of {what} must be type boolean, not type {node.type.sql_name}", "42804"
            )
        return cast(node, BOOL, Context.IMPLICIT)

    def call(self, name: str, arguments: Sequence[exp.Expr]) -> Node:
        """A call of the function `name`."""
        for argument in arguments:
            if isinstance(argument, exp.Kwarg | exp.Star | exp.Distinct):
                raise not_supported(f"the argument {argument.sql('postgres')} of {name}")
        return call_function(name, self.nodes(arguments))
