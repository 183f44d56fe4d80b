"""The table functions: the rows that each returns for its arguments; none if one is NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from engine.errors import SqlError
from engine.scalar import Scalar, coerce
from engine.scalar.functions.dates import add_interval
from engine.types import (
    DATE,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
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
    """A table function that was chosen for its arguments: its key in `ROWS`, and its columns."""

    name: str
    arguments: tuple[Scalar, ...]
    columns: tuple[tuple[str, SqlType], ...]


def find_table_function(name: str, arguments: Sequence[Scalar]) -> TableFunction:
    """Find the function of that name for these arguments; raises SqlError (42883).

    Quoted literals may have the unknown type: they get the type that fits.
    """
    types = [argument.type for argument in arguments]
    what = f"argument of {name}"
    found: TableFunction | None = None
    if name == "generate_series":
        found = _series(arguments)
    elif name == "unnest" and len(arguments) == 1 and isinstance(types[0], Array):
        found = TableFunction(name, tuple(arguments), ((name, types[0].element),))
    elif name in _JSON and len(arguments) == 1 and types[0] in (JSONB, UNKNOWN):
        found = TableFunction(name, (coerce(arguments[0], JSONB, what),), _JSON[name])
    if found is None:
        shown = ", ".join(type_.sql_name for type_ in types)
        raise SqlError(f"table function {name}({shown}) does not exist", "42883")
    return found


_JSON: dict[str, tuple[tuple[str, SqlType], ...]] = {
    "jsonb_array_elements": (("value", JSONB),),
    "jsonb_array_elements_text": (("value", TEXT),),
    "jsonb_each": (("key", TEXT), ("value", JSONB)),
    "jsonb_each_text": (("key", TEXT), ("value", TEXT)),
    "jsonb_object_keys": (("jsonb_object_keys", TEXT),),
}

TABLE_FUNCTIONS = frozenset(("generate_series", "unnest", *_JSON))


def _series(arguments: Sequence[Scalar]) -> TableFunction | None:
    name, what = "generate_series", "argument of generate_series"
    types = [argument.type for argument in arguments]
    for element in (INT4, INT8, NUMERIC):
        if len(types) in (2, 3) and all(type_ in _NARROWER[element] for type_ in types):
            converted = tuple(coerce(argument, element, what) for argument in arguments)
            return TableFunction(name, converted, ((name, element),))
    times = (DATE, TIMESTAMP, TIMESTAMPTZ, UNKNOWN)
    if len(types) != 3 or types[2] not in (INTERVAL, UNKNOWN):
        return None
    if not all(type_ in times for type_ in types[:2]) or types[0] is types[1] is UNKNOWN:
        return None
    time = TIMESTAMPTZ if TIMESTAMPTZ in types else TIMESTAMP
    bounds = [coerce(argument, time, what) for argument in arguments[:2]]
    step = coerce(arguments[2], INTERVAL, what)
    return TableFunction("generate_series of times", (*bounds, step), ((name, time),))


_NARROWER = {
    INT4: (INT2, INT4, UNKNOWN),
    INT8: (INT2, INT4, INT8, UNKNOWN),
    NUMERIC: (INT2, INT4, INT8, NUMERIC, UNKNOWN),
}


_MOST_ROWS = 10_000_000
"""More rows than this from one call are an error: they would not fit into memory."""


def _numbers(start: Any, stop: Any, step: Any = 1) -> Iterator[Row]:
    if not step:
        raise SqlError("step size cannot equal zero", "22023")
    if not all(isfinite(value) for value in (start, stop, step)):
        raise SqlError("generate_series needs finite numbers", "22023")
    if stop != start and (stop > start) != (step > 0):
        return
    count = int((stop - start) // step) + 1
    if count > _MOST_ROWS:
        raise SqlError(f"generate_series would give {count} rows, at most {_MOST_ROWS} are allowed")
    value = start
    for _ in range(count):
        yield (value,)
        value += step


def _times(start: datetime, stop: datetime, step: Interval) -> Iterator[Row]:
    if not step.length:
        raise SqlError("step size cannot equal zero", "22023")
    if abs((stop - start) / timedelta(microseconds=1)) > abs(step.length) * _MOST_ROWS:
        raise SqlError(f"generate_series would give more than {_MOST_ROWS} rows")
    ascending = step.length > 0
    value = start
    while value <= stop if ascending else value >= stop:
        yield (value,)
        following = add_interval(value, step)
        if following <= value if ascending else following >= value:
            raise SqlError(
                f"generate_series goes back from {value}: step by a length that is fixed"
            )
        value = following


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

UNBOUNDED = {"generate_series", "generate_series of times"}
"""Functions of which small arguments may have millions of rows."""


def with_ordinality(rows_of: RowsOf) -> RowsOf:
    """The function with the number of each row, from 1, as the last column."""
    return lambda *arguments: ((*row, n) for n, row in enumerate(rows_of(*arguments), start=1))
