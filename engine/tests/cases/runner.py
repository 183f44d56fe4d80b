"""Reads and runs the query cases in `queries/*.txt`.

A file holds tables, then cases, with an empty line between any two:

    table t (a int4, b text)
    1|x
    2|NULL

    view v
    SELECT a FROM t

    query
    SELECT a, b FROM t WHERE a > 1
    ----
    a|b
    2|NULL

    error column "c" does not exist
    SELECT c FROM t

Values are written as the engine prints them, `NULL` for NULL, `""` for an empty text. A `query` has
the names of its columns first, then its rows; `query ordered` checks their order as well, `query
once` is not run as a view. `failing TEXT`, before `query`, is an evaluation error that some rows of
the query end in. `error` checks the message of a query that is refused, `refused` that of one that
is refused as a view only. Lines that begin with `#` are comments.

Each query runs as a one-off SELECT and as a view: built up row by row, then at once, and each time
taken down again to what it was over empty tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.relation import Column
from engine.tests.support.queries import Catalog, View
from engine.zset import Row, ZSet, add, negate


@dataclass(frozen=True)
class Case:
    place: str
    kind: str
    argument: str
    sql: str
    expected: list[str]
    failing: list[str]


@dataclass
class CaseFile:
    catalog: Catalog = field(default_factory=Catalog)
    contents: dict[str, ZSet] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)


def read(path: Path) -> CaseFile:
    file = CaseFile()
    failing: list[str] = []
    number = 1
    for block in path.read_text().split("\n\n"):
        place = f"{path.stem}:{number}"
        number += block.count("\n") + 2
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        while lines and lines[0].startswith("failing "):
            failing.append(lines.pop(0).removeprefix("failing "))
        if not lines:
            continue
        kind, _, argument = lines[0].partition(" ")
        if kind == "table":
            _read_table(file, argument, lines[1:])
        elif kind == "view":
            file.catalog.view(argument, "\n".join(lines[1:]))
        else:
            at = lines.index("----") if "----" in lines else len(lines)
            sql, expected = "\n".join(lines[1:at]), lines[at + 1 :]
            file.cases.append(Case(place, kind, argument, sql, expected, failing))
            failing = []
    return file


def _read_table(file: CaseFile, header: str, lines: list[str]) -> None:
    name, _, columns = header.partition(" (")
    file.catalog.table(name, columns.removesuffix(")"))
    types = [column.type for column in file.catalog.relations[name].columns]
    contents = file.contents.setdefault(name, {})
    for line in lines:
        values = zip(line.split("|"), types, strict=True)
        row = tuple(
            None if text == "NULL" else type_.from_text("" if text == '""' else text)
            for text, type_ in values
        )
        add(contents, {row: 1})


def shown(row: Row, columns: tuple[Column, ...]) -> str:
    return "|".join(
        "NULL" if value is None else column.type.to_text(value) or '""'
        for value, column in zip(row, columns, strict=True)
    )


def select(file: CaseFile, sql: str) -> tuple[list[str], dict[str, int]]:
    """The names and rows of a one-off SELECT, and its evaluation errors."""
    query = file.catalog.compile(sql, maintained=False)
    flow = query.dataflow(time=1000)
    rows = query.finish(flow.step(1000, file.catalog.by_id(file.contents)))
    names = "|".join(column.name for column in query.columns)
    return [names, *(shown(row, query.columns) for row in rows)], flow.errors


def maintain(file: CaseFile, sql: str) -> tuple[list[str], dict[str, int]]:
    """The same of a view, after it was built up, taken down, and built up in another way."""
    view = View(file.catalog, sql)
    view.step()
    empty, no_errors = dict(view.contents), dict(view.errors)
    single = [
        (name, {row: weight})
        for name, rows in file.contents.items()
        for row, weight in rows.items()
    ]
    for name, change in single:
        view.step(**{name: change})
    lines, errors = _lines(view), dict(view.errors)
    for name, change in single:
        view.step(**{name: negate(change)})
    assert (view.contents, view.errors) == (empty, no_errors)
    view.step(**file.contents)
    assert (_lines(view), view.errors) == (lines, errors)
    view.step(**{name: negate(rows) for name, rows in file.contents.items()})
    assert (view.contents, view.errors) == (empty, no_errors)
    return lines, errors


def _lines(view: View) -> list[str]:
    columns = view.query.columns
    names = "|".join(column.name for column in columns)
    rows = (shown(row, columns) for row, weight in view.contents.items() for _ in range(weight))
    return [names, *sorted(rows)]
