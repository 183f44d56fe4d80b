"""Invariant 9: the engine's answer to any sequence of changes equals recomputing from scratch."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import duckdb
import pytest

from engine.tests.oracle.duck import Duck, comparable
from engine.tests.oracle.generator import Generator
from engine.tests.support.queries import Catalog, View
from engine.zset import Row, ZSet, add, add_row

SEEDS = int(os.environ.get("VIEWSTREAM_ORACLE_SEEDS", "12"))
QUERIES = 12
STEPS = 8


def changes_of(random: Random, generator: Generator, contents: dict[str, ZSet]) -> dict[str, ZSet]:
    """A random change of some tables: inserts, deletes, updates; some of it cancels."""
    changes: dict[str, ZSet] = {}
    for table, rows in contents.items():
        change: ZSet = {}
        for _ in range(random.choice([0, 1, 1, 3])):
            present = [row for row, weight in rows.items() if weight + change.get(row, 0) > 0]
            if present and random.random() < 0.55:
                add_row(change, random.choice(present), -1)
            if random.random() < 0.6:
                add_row(change, generator.row(table), random.choice([1, 1, 2]))
        if change:
            changes[table] = change
    return changes


def as_counter(contents: ZSet) -> Counter[Row]:
    assert min(contents.values(), default=1) > 0, contents
    counter: Counter[Row] = Counter()
    for row, weight in contents.items():
        counter[comparable(row)] += weight
    return counter


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_maintained_view_equals_recomputation_after_every_step(seed: int) -> None:
    random = Random(seed)
    generator = Generator(random)
    duck = Duck(generator.tables)
    columns = {
        name: ", ".join(f"{column} {kind}" for column, kind in table)
        for name, table in generator.tables.items()
    }
    catalog = Catalog(**columns)
    views: dict[str, View] = {}
    singly: dict[str, View] = {}
    contents: dict[str, ZSet] = {table: {} for table in generator.tables}
    while len(views) < QUERIES:
        sql = generator.query()
        try:
            duck.rows(sql)
        except duckdb.Error:
            continue  # a form that DuckDB does not have
        views[sql], singly[sql] = View(catalog, sql), View(catalog, sql)
        singly[sql].step()
    for _ in range(STEPS):
        changes = changes_of(random, generator, contents)
        for table, change in changes.items():
            add(contents[table], change)
            duck.fill(table, contents[table])
        for sql, view in views.items():
            view.step(**changes)
            for table, change in changes.items():
                for row, weight in change.items():
                    for _ in range(abs(weight)):
                        singly[sql].step(**{table: {row: 1 if weight > 0 else -1}})
            expected = duck.rows(sql)
            found = as_counter(view.contents)
            assert found == expected, f"\n{sql}\n{contents}\n{changes}"
            assert singly[sql].contents == view.contents, f"\n{sql}\n{contents}\n{changes}"
    for sql in views:
        once = View(catalog, sql)
        once.step(**contents)
        assert once.contents == views[sql].contents, sql
    duck.close()
