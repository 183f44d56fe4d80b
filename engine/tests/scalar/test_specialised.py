"""Functions with constant arguments have quicker forms, which give what the plain ones give."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.scalar import compile_value
from engine.tests.scalar.evaluate import scalar
from engine.types import DATE, INTERVAL, TEXT, TIME, TIMESTAMP, Interval, SqlType

FIELDS = (
    *("microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month"),
    *("quarter", "year", "decade", "century", "millennium", "epoch", "dow", "isodow", "doy"),
    *("isoyear", "days", "Mon", "nonsense"),
)
VALUES: list[tuple[SqlType, Any]] = [
    (TIMESTAMP, datetime(2021, 1, 3, 4, 5, 6, 789_012)),
    (TIMESTAMP, datetime(1, 1, 1) + timedelta(days=400)),
    (DATE, date(2020, 12, 31)),
    (TIME, time(23, 59, 59, 999_999)),
    (INTERVAL, Interval(-15, 40, -93_784_500_000)),
]


def outcome(sql: str, columns: dict[str, SqlType], row: tuple[Any, ...]) -> Any:
    try:
        return compile_value(scalar(sql, columns))(row)
    except SqlError as error:
        return (error.code, error.message)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_texts = st.text("aAb%_\\.é\n", max_size=6)


@pytest.mark.parametrize("operator", ["LIKE", "ILIKE", "NOT LIKE", "~", "~*"])
def test_patterns(operator: str) -> None:
    @given(_texts, _texts)
    @settings(max_examples=150, deadline=None)
    def check(text: str, pattern: str) -> None:
        constant = outcome(f"s {operator} {quoted(pattern)}", {"s": TEXT}, (text,))
        varying = outcome(f"s {operator} p", {"s": TEXT, "p": TEXT}, (text, pattern))
        assert constant == varying

    check()


@given(_texts, _texts, st.sampled_from(["", "\\", "%", "_", "a", "!"]))
@settings(max_examples=100, deadline=None)
def test_like_with_an_escape_character(text: str, pattern: str, escape: str) -> None:
    columns = {"s": TEXT, "p": TEXT}
    constant = outcome(f"s LIKE {quoted(pattern)} ESCAPE {quoted(escape)}", columns, (text, ""))
    varying = outcome(f"s LIKE p ESCAPE {quoted(escape)}", columns, (text, pattern))
    assert constant == varying


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("type_", "value"), VALUES, ids=repr)
@pytest.mark.parametrize("function", ["date_part", "date_trunc"])
def test_fields(function: str, type_: SqlType, value: Any, field: str) -> None:
    """Both forms give the same value, or the same error (date_trunc of a time)."""
    columns = {"v": type_, "f": TEXT}
    constant = outcome(f"{function}('{field}', v)", columns, (value, field))
    assert constant == outcome(f"{function}(f, v)", columns, (value, field))
    if function == "date_part" and not isinstance(constant, tuple):
        extracted = outcome(f"extract({field} FROM v)", columns, (value, field))
        if isinstance(extracted, tuple):  # a date has no hours, but its midnight has
            assert (type_, constant) == (DATE, 0)
        else:
            assert float(extracted) == constant
