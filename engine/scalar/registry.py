"""The functions and operators that SQL can call, by name, each with its signatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.types import SqlType


@dataclass(frozen=True, eq=False)
class Function:
    """One signature of a function.

    Its Python is either `call`, which is called with the arguments, or `template`, a Python
    expression over `{0}`, `{1}` .. that codegen writes in place; names that a template uses stand
    in `names`. A template may name an argument more than once, codegen puts it into a variable.

    `strict`: NULL if an argument is NULL, and then not called; `gives_null`: may return None for
    arguments that are not; `can_fail`: may raise SqlError. The last type of `arguments` may repeat
    if `variadic`. `volatile`: gives something else each time (random()).
    """

    name: str
    arguments: tuple[SqlType, ...]
    returns: SqlType
    call: Callable[..., Any] | None = None
    template: str | None = None
    names: dict[str, Any] = field(default_factory=dict)
    strict: bool = True
    gives_null: bool = False
    can_fail: bool = False
    variadic: bool = False
    volatile: bool = False
