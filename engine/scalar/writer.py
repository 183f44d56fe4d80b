"""Writes Python statements: indentation, variables, and what is known where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Writer:
    """Statements, and the global names that they need.

    What is computed once is known below the line that computes it, but not outside its block.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self.names = dict(names)
        self.depth = 0
        self._known: list[dict[Any, str]] = [{}]
        self._count = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Statements inside `head` (`if ..:`); what they compute is unknown after it."""
        self.line(head)
        self.depth += 1
        self._known.append({})
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self._known.pop()
        self.depth -= 1

    def once(self, key: Any, compute: Callable[[Any], str]) -> str:
        """The variable of the value that `key` names; it is computed now if it is not known."""
        for known in reversed(self._known):
            name: str | None = known.get(key)
            if name is not None:
                return name
        name = compute(key)
        self._known[-1][key] = name
        return name

    def fresh(self) -> str:
        """A variable that is not used yet."""
        self._count += 1
        return f"v{self._count}"

    def assign(self, expression: str) -> str:
        """Assign the expression to a fresh variable."""
        name = self.fresh()
        self.line(f"{name} = {expression}")
        return name

    def name(self, prefix: str, value: Any) -> str:
        """A global name for a Python object."""
        for name, known in self.names.items():
            if known is value:
                return name
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name
