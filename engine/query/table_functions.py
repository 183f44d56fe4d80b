"""The table functions: which rows each gives for its arguments.

Each is NULL-strict: a NULL argument gives no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engine.errors import SqlError
from engine.scalar import Scalar, coerce
from engine.types import (
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    Array,
    Interval,
    Jsonb,
    SqlType,
)
from engine.types.jsonb import canonical
from engine.zset import Row

RowsOf = Callable[..., Iterable[Row]]


@dataclass(frozen=True)
class TableFunction:
    """A table function chosen for its arguments: its key in `ROWS`, and what columns it gives."""

    name: str
    arguments: tuple[Scalar, ...]
    columns: tuple[tuple[str, SqlType], ...]


def find_table_function(name: str, arguments: Sequence[Scalar]) -> TableFunction:
    """The function of that name for arguments of those types; raises SqlError (42883)."""
    types = [argument.type for argument in arguments]
    if name == "generate_series" and len(arguments) in (2, 3):
        return _series(arguments)
    if name == "unnest" and len(arguments) == 1 and isinstance(types[0], Array):
        return TableFunction(name, tuple(arguments), ((name, types[0].element),))
    if name in _JSON and len(arguments) == 1:
        argument = coerce(arguments[0], JSONB, f"argument of {name}")
        return TableFunction(name, (argument,), _JSON[name])
    if name == "regexp_split_to_table" and types == [TEXT, TEXT]:
        return TableFunction(name, tuple(arguments), ((name, TEXT),))
    shown = ", ".join(type_.sql_name for type_ in types)
    raise SqlError(f"table function {name}({shown}) does not exist", "42883")


_JSON: dict[str, tuple[tuple[str, SqlType], ...]] = {
    "jsonb_array_elements": (("value", JSONB),),
    "jsonb_array_elements_text": (("value", TEXT),),
    "jsonb_each": (("key", TEXT), ("value", JSONB)),
    "jsonb_each_text": (("key", TEXT), ("value", TEXT)),
    "jsonb_object_keys": (("jsonb_object_keys", TEXT),),
}


def _series(arguments: Sequence[Scalar]) -> TableFunction:
    types = [argument.type for argument in arguments]
    for element in (INT4, INT8, NUMERIC):
        if all(type_.category == "N" and _fits(type_, element) for type_ in types):
            what = "argument of generate_series"
            converted = tuple(coerce(argument, element, what) for argument in arguments)
            return TableFunction("generate_series", converted, (("generate_series", element),))
    times = TIMESTAMPTZ if TIMESTAMPTZ in types[:2] else TIMESTAMP
    if len(arguments) == 3 and all(type_.category == "D" for type_ in types[:2]):
        what = "argument of generate_series"
        bounds = [coerce(argument, times, what) for argument in arguments[:2]]
        step = coerce(arguments[2], INTERVAL, what)
        columns = (("generate_series", times),)
        return TableFunction("generate_series of times", (*bounds, step), columns)
    shown = ", ".join(type_.sql_name for type_ in types)
    raise SqlError(f"table function generate_series({shown}) does not exist", "42883")


def _fits(type_: SqlType, element: SqlType) -> bool:
    if element is NUMERIC:
        return (type_.size in (2, 4, 8) and "int" in type_.name) or type_ is NUMERIC
    return "int" in type_.name and type_.size <= element.size


_MOST_ROWS = 10_000_000
"""More rows than this from one call are an error: they would not fit into memory."""


def _numbers(start: Any, stop: Any, step: Any = 1) -> Iterator[Row]:
    if not step:
        raise SqlError("step size cannot equal zero", "22023")
    count = (stop - start) // step + 1
    if count > _MOST_ROWS:
        raise SqlError(f"generate_series would give {count} rows, at most {_MOST_ROWS} are allowed")
    value = start
    for _ in range(max(int(count), 0)):
        yield (value,)
        value += step


def _times(start: Any, stop: Any, step: Interval) -> Iterator[Row]:
    if not step.length:
        raise SqlError("step size cannot equal zero", "22023")
    if abs((stop - start) / timedelta(microseconds=abs(step.length))) > _MOST_ROWS:
        raise SqlError(f"generate_series would give more than {_MOST_ROWS} rows")
    value, number = start, 0
    while value <= stop if step.length > 0 else value >= stop:
        yield (value,)
        number += 1
        value = _plus(value, step)


def _plus(value: Any, step: Interval) -> Any:
    from engine.types.temporal import add_interval  # type: ignore[attr-defined]

    return add_interval(value, step)


def _elements(value: Jsonb) -> Iterator[Any]:
    if not isinstance(value.value, list):
        return
    yield from value.value


def _items(value: Jsonb) -> Iterator[tuple[str, Any]]:
    if not isinstance(value.value, dict):
        return
    yield from value.value.items()


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else canonical(value)


ROWS: dict[str, RowsOf] = {
    "generate_series": _numbers,
    "generate_series of times": _times,
    "unnest": lambda array: ((item,) for item in array),
    "jsonb_array_elements": lambda json: ((Jsonb(item),) for item in _elements(json)),
    "jsonb_array_elements_text": lambda json: ((_text(item),) for item in _elements(json)),
    "jsonb_each": lambda json: ((key, Jsonb(item)) for key, item in _items(json)),
    "jsonb_each_text": lambda json: ((key, _text(item)) for key, item in _items(json)),
    "jsonb_object_keys": lambda json: ((key,) for key, _ in _items(json)),
}


__all__ = ["ROWS", "Decimal", "TableFunction", "find_table_function"]
