"""A base of a part and the split deltas agree, whatever the type of the column.

The engine compares values, the splitter compares their texts. Each type is a table with a column of
it, whose every value is followed as a part, before and after all rows have moved.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from scripts.text_query import text_query
from tests.server.served import get_rows
from tests.support.following import Witness, following
from tests.support.processes import start_engine, start_server
from viewstream.names import Part, ViewName
from viewstream.protocol import Row

TYPES: dict[str, list[str]] = {
    "bool": ["t", "f"],
    "int2": ["-5", "7", "0"],
    "int4": ["42", "-2147483648"],
    "int8": ["42", "9223372036854775807"],
    "numeric": ["1.50", "1.5", "15", "0.0000001", "1e20", "NaN"],
    "numeric(10, 2)": ["1.5", "2", "-0.01"],
    "float4": ["1.5", "0.1", "-0", "0", "NaN", "Infinity", "1e-7", "1e20"],
    "float8": ["1.5", "0.1", "-0", "0", "NaN", "-Infinity", "1e15", "1e16", "1e-7"],
    "text": ["", " ", "a", "A", "42", "a'b", 'a"b', "a\\b", "a]b[c", "a,b", "a=b@c", "%s", "😀\n"],
    "varchar(8)": ["", "ab", "ab "],
    "char(4)": ["ab", "abcd"],
    "date": ["2020-01-02", "1969-12-31"],
    "time": ["01:02:03", "01:02:03.5", "00:00:00"],
    "timestamp": ["2020-01-02 03:04:05", "2020-01-02 03:04:05.120"],
    "timestamptz": ["2020-01-02 03:04:05+02", "2020-01-02 03:04:05.000001+00"],
    "interval": ["1 day", "30 days", "1 month", "-1 day 02:03"],
    "bytea": ["\\x", "\\x0102"],
    "jsonb": ['{"b": 1, "a": [1.0, null]}', "1", '"x"', "null"],
    "uuid": ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
    "text[]": ['{a,"b c",NULL}', "{}"],
    "int4[]": ["{1,2}"],
}
TABLES = {f"t{number}": values for number, values in enumerate(TYPES.values())}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, str]]:
    """A table of each type, served whole and in parts: the DSN and the server's URL."""
    engine, dsn = start_engine()
    with engine:
        for table, type_ in zip(TABLES, TYPES, strict=True):
            text_query(dsn, f'CREATE TABLE {table} (n int, "the %s" {type_})')
        options = [f'--part={table}:"the %s"' for table in TABLES]
        server, url = start_server(dsn, *TABLES, options=["--tail", *options])
        with server:
            yield dsn, url


def insert(table: str, first: int, values: list[str | None]) -> str:
    rows = [f"({n}, {literal(value)})" for n, value in enumerate(values, first)]
    return f"INSERT INTO {table} VALUES {', '.join(rows)}"


def literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def part_of(table: str, value: str | None) -> str:
    return str(ViewName(table, Part("the %s", value)))


@pytest.mark.parametrize("table", TABLES, ids=list(TYPES))
def test_every_part_has_the_rows_of_its_text(table: str, served: tuple[str, str]) -> None:
    asyncio.run(follow_parts(table, *served))


async def follow_parts(table: str, dsn: str, url: str) -> None:
    values = TABLES[table]
    run = partial(asyncio.to_thread, text_query, dsn)
    await run(insert(table, 1, [*values, None, *values]))
    texts = {text for (text,) in await run(f'SELECT "the %s" FROM {table}')}
    parts = {part_of(table, text): text for text in texts}
    async with following(url, table, *parts) as witness:

        async def until_exact(count: int) -> None:
            await witness.until(lambda: is_exact(witness, table, parts, count))

        await until_exact(2 * len(values) + 1)
        await run(insert(table, 100, [*values, None]))
        await until_exact(3 * len(values) + 2)
        for value in [*values, None]:  # each row moves to another part
            await run(f'UPDATE {table} SET "the %s" = {literal(value)} WHERE n > 1')
        await run(f'UPDATE {table} SET "the %s" = NULL WHERE n = 1')
        await until_exact(3 * len(values) + 2)
        await run(f"DELETE FROM {table} WHERE n > 2 AND n < 100")
        await until_exact(len(values) + 3)
        assert all(not view.state.is_unverified for view in witness.follower.views.values())


def is_exact(witness: Witness, table: str, parts: dict[str, str | None], count: int) -> bool:
    """Whether the view has `count` rows, and each part those of its text."""
    rows = witness.rows(table)
    expected: dict[str, Counter[Row]] = {
        name: Counter({row: n for row, n in rows.items() if row[1] == text})
        for name, text in parts.items()
    }
    is_loaded = all(view.is_loaded for view in witness.follower.views.values())
    return (
        is_loaded
        and rows.total() == count
        and all(witness.rows(name) == some for name, some in expected.items())
    )


@pytest.mark.parametrize(("type_", "value"), [("int8", "x"), ("date", "42"), ("bool", "'")])
def test_a_value_that_the_type_does_not_have_is_refused(
    type_: str, value: str, served: tuple[str, str]
) -> None:
    _, url = served
    part = part_of(f"t{list(TYPES).index(type_)}", value)
    for path in ("rows", "stream"):
        response = get_rows(f"{url}/view/{path}", params={"view": part})
        assert response.status_code == 404
        assert response.json()["error"] == f"{value!r} is no value of the column 'the %s'"


def test_an_integer_in_another_spelling_is_a_part_without_rows(served: tuple[str, str]) -> None:
    dsn, url = served
    table = f"t{list(TYPES).index('int4')}"
    text_query(dsn, f"INSERT INTO {table} VALUES (7, 7)")
    for value, count in [("7", 1), ("07", 0), (" 7", 0)]:
        response = get_rows(f"{url}/view/rows", params={"view": part_of(table, value)})
        assert len(response.json()) == count
    text_query(dsn, f"DELETE FROM {table} WHERE n = 7")
