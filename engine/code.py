"""Python functions that are written at run time; nothing else in the engine compiles source."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any

from engine.errors import SqlError

_FRAMES = 10_000
_COMPILED = 1024
"""Sources whose code is kept: a query that is asked again is not compiled again."""


def define(name: str, lines: Iterable[str], names: Mapping[str, Any]) -> Any:
    """The function `name` that the source defines; `names` are its globals."""
    scope = dict(names)
    exec(_compile("\n".join(lines)), scope)  # noqa: S102 -- source of our own making
    return scope[name]


def function(parameters: str, expression: str, names: Mapping[str, Any] | None = None) -> Any:
    """The function of these parameters that gives the expression's value."""
    return define("function", [f"def function({parameters}): return {expression}"], names or {})


def row_of(values: Iterable[str]) -> str:
    """The source of a tuple of these expressions."""
    return f"({''.join(f'{value}, ' for value in values)})"


@lru_cache(maxsize=_COMPILED)
def _compile(source: str) -> CodeType:
    return compile(source, "<generated>", "exec")


@contextmanager
def room_for_nesting() -> Iterator[None]:
    """Let what recurses over an expression go deep; beyond that SqlError 54001 is raised.

    A chain of a thousand `+` is a tree a thousand levels deep.
    """
    if sys.getrecursionlimit() < _FRAMES:
        # Never lowered again: the limit is that of all threads, and others may be deep.
        sys.setrecursionlimit(_FRAMES)
    try:
        yield
    except RecursionError:
        raise SqlError("expression is nested too deeply", "54001") from None
