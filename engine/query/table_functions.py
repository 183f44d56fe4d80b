"""The table functions: the rows that each returns for its arguments; none if one is NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from engine.errors import SqlError
from engine.regex import compile_regex
from engine.scalar import Scalar, coerce
from engine.scalar.functions.dates import add_interval
from engine.scalar.functions.truncation import date_bin
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
from engine.types.interval import DAY
from engine.types.jsonb import canonical
from engine.types.temporal import UNIX_EPOCH
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
    elif name == "regexp_extract" and len(arguments) == 2 and arguments[0].is_literal:
        found = _extraction(arguments)
    elif name == "date_bin_hopping" and len(arguments) in (3, 4):
        found = _hops(arguments)
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

TABLE_FUNCTIONS = frozenset(
    ("generate_series", "unnest", "regexp_extract", "date_bin_hopping", *_JSON)
)


def _extraction(arguments: Sequence[Scalar]) -> TableFunction:
    """The groups of the pattern, by their names, are the columns."""
    pattern, text = (coerce(argument, TEXT, "argument of regexp_extract") for argument in arguments)
    if pattern.value is None:
        raise SqlError("the pattern of regexp_extract must not be NULL", "22023")
    regex = compile_regex(pattern.value)
    if not regex.groups:
        raise SqlError("regexp_extract must specify at least one capture group", "22023")
    names = {number: name for name, number in regex.names.items()}
    groups = range(1, regex.groups + 1)
    columns = tuple((names.get(number, f"column{number}"), TEXT) for number in groups)
    return TableFunction("regexp_extract", (pattern, text), columns)


def _extracted(pattern: str, text: str) -> Iterator[Row]:
    groups = compile_regex(pattern).search(text.encode())
    if groups is not None:
        yield tuple(None if group is None else group.decode() for group in groups)


def _hops(arguments: Sequence[Scalar]) -> TableFunction | None:
    moment = arguments[2].type
    if moment not in (TIMESTAMP, TIMESTAMPTZ):
        return None
    types = (INTERVAL, INTERVAL, moment, moment)
    pairs = zip(arguments, types, strict=False)
    converted = tuple(coerce(a, type_, "argument of date_bin_hopping") for a, type_ in pairs)
    return TableFunction("date_bin_hopping", converted, (("date_bin_hopping", moment),))


def _windows(
    hop: Interval, width: Interval, moment: datetime, origin: datetime = UNIX_EPOCH
) -> Iterator[Row]:
    """The beginnings of the windows of that width, a hop apart, that the moment lies in."""
    last = date_bin(hop, add_interval(moment, hop), origin)
    return _times(add_interval(last, -width), moment, hop)


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
    if _least_advance(step if ascending else -step) <= 0:
        raise SqlError(
            f"a step of {INTERVAL.to_text(step)} may go back, as months have 28 to 31 days", "22023"
        )
    value = start
    while value <= stop if ascending else value >= stop:
        yield (value,)
        value = add_interval(value, step)


def _least_advance(step: Interval) -> int:
    """Microseconds that the step moves ahead at least."""
    days = step.months * (28 if step.months > 0 else 31) + step.days
    return days * DAY + step.microseconds


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
    "regexp_extract": _extracted,
    "date_bin_hopping": _windows,
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
