"""The functions of SQL as `mz_functions` and `pg_proc` list them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.scalar.registry import FUNCTIONS
from engine.types import SqlType

_FIRST_OID = 12_000
"""Below the oids of items, above those of types."""


@dataclass(frozen=True)
class ListedFunction:
    oid: int
    name: str
    arguments: tuple[SqlType, ...]
    returns: SqlType
    variadic: bool = False
    returns_set: bool = False

    @property
    def id(self) -> str:
        return f"s{self.oid}"


def listed_functions() -> Iterator[ListedFunction]:
    """Every function that has a name (operators have symbols) and typed signatures."""
    number = _FIRST_OID
    for name in sorted(FUNCTIONS):
        for function in FUNCTIONS[name] if name[0].isalpha() else ():
            yield ListedFunction(
                number, name, function.arguments, function.returns, function.variadic
            )
            number += 1
