"""The functions and operators that SQL can call, by name, each with its signatures.

The modules of `functions/` fill it when they are imported; `overloads.py` chooses from it.
Operators are in it under their symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from engine.code import function
from engine.types import SqlType

VARYING: Final = object()
"""Replaces an argument that is not constant."""


@dataclass(frozen=True, eq=False)
class Function:
    """One signature of a function.

    Its Python is either `call`, which is called with the arguments, or `template`, a Python
    expression over `{0}`, `{1}` .., the variables or literals of the arguments, `{t}`, a variable
    that it may assign, and the keys of `names`, which are replaced by the names of these objects.

    `strict`: NULL if an argument is NULL, and then not called; `gives_null`: may return None for
    arguments that are not; `can_fail`: may raise SqlError. The last type of `arguments` may repeat
    if `variadic`. `volatile`: gives something else each time (random()).

    `specialise` may make a quicker function where some arguments are constant: it is given the
    values of the arguments, VARYING for those that are not, and gives a function of these, or None.
    """

    name: str
    arguments: tuple[SqlType, ...]
    returns: SqlType
    call: Callable[..., Any] | None = None
    template: str | None = None
    names: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = True
    gives_null: bool = False
    can_fail: bool = False
    variadic: bool = False
    volatile: bool = False
    specialise: Callable[..., Callable[..., Any] | None] | None = None

    @cached_property
    def python(self) -> Callable[..., Any]:
        """The function as a callable, for constants."""
        if self.call is not None:
            return self.call
        assert self.template is not None
        parameters = [f"a{index}" for index in range(len(self.arguments))]
        body = self.template.format(*parameters, t="t", **{name: name for name in self.names})
        return function(", ".join(parameters), body, self.names)  # type: ignore[no-any-return]


FUNCTIONS: dict[str, list[Function]] = {}


def define(
    name: str,
    arguments: tuple[SqlType, ...],
    returns: SqlType,
    call: Callable[..., Any] | None = None,
    **options: Any,
) -> Function:
    """Make a signature of the function `name` known; options are the fields of Function."""
    function = Function(name, arguments, returns, call, **options)
    FUNCTIONS.setdefault(name, []).append(function)
    return function
