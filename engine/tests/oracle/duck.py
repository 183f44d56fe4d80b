"""The oracle: DuckDB recomputes each query from scratch."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

import duckdb

from engine.zset import Row, ZSet

TYPES = {
    "int4": "INTEGER",
    "int8": "BIGINT",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "float8": "DOUBLE",
    "numeric": "DECIMAL(18, 3)",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


class Duck:
    def __init__(self, tables: dict[str, list[tuple[str, str]]]) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._tables = tables
        for name, columns in tables.items():
            spelled = ", ".join(f"{column} {TYPES[type_]}" for column, type_ in columns)
            self._connection.execute(f"CREATE TABLE {name} ({spelled})")

    def close(self) -> None:
        self._connection.close()

    def fill(self, name: str, contents: ZSet) -> None:
        """Make the table hold exactly these rows."""
        self._connection.execute(f"DELETE FROM {name}")
        rows = [row for row, weight in contents.items() for _ in range(weight)]
        if rows:
            values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
            self._connection.execute(f"INSERT INTO {name} VALUES {values}")

    def rows(self, sql: str) -> Counter[Row]:
        """The multiset of rows that the query gives now; raises `duckdb.Error`."""
        return Counter(map(comparable, self._connection.execute(sql).fetchall()))


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    if isinstance(value, float):
        return f"CAST('{value}' AS DOUBLE)"
    if isinstance(value, date):
        return f"'{value}'"
    return str(value).lower()


def comparable(row: Row) -> Row:
    """The row with values that compare alike in both: numbers as rounded decimals, lists as tuples.

    What differs by design: avg and stddev are double in DuckDB, numeric of 39 digits here; a sum
    of bigints is an integer there. So numbers are compared to 12 significant digits; the sums and
    counts in these tests have fewer.
    """
    return tuple(map(_comparable, row))


def _comparable(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, int | float | Decimal):
        return int(value) if value == int(value) else f"{float(value):.12g}"
    if isinstance(value, list | tuple):
        return tuple(map(_comparable, value))
    return value
