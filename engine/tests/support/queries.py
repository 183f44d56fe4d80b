"""Compiles and runs queries over a catalog of a few tables, without the engine around."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.query import Query, compile_query
from engine.relation import Column, Relation
from engine.scalar import Environment
from engine.sql.dialect import tokenize
from engine.sql.trees import parse_query
from engine.types import SqlType, by_name
from engine.zset import Row, ZSet, add

ENVIRONMENT = Environment(datetime(2020, 1, 2, 3, 4, 5))


class Catalog:
    """Tables and plain views by name; the resolver of the queries over them."""

    def __init__(self, **tables: str) -> None:
        """Each table is given as its columns: `t="a int4, b text"`."""
        self.relations: dict[str, Relation] = {}
        for name, columns in tables.items():
            self.table(name, columns)

    def table(self, name: str, columns: str) -> None:
        parts = (column.strip().rsplit(" ", 1) for column in columns.split(",") if column.strip())
        types = tuple(Column(word.strip('"'), by_name(type_)) for word, type_ in parts)
        self._add(name, types, None)

    def view(self, name: str, sql: str) -> None:
        """A plain view, which is inlined where it is used."""
        query = self.compile(sql)
        self._add(name, query.columns, sql)

    def _add(self, name: str, columns: tuple[Column, ...], sql: str | None) -> None:
        definition = None if sql is None else parse_query(tokenize(sql), sql)
        id = f"u{len(self.relations) + 1}"
        self.relations[name] = Relation(id, name, columns, definition)

    def resolve(self, parts: tuple[str, ...]) -> Relation:
        relation = self.relations.get(parts[-1])
        if relation is None:
            raise SqlError(f"unknown catalog item '{'.'.join(parts)}'")
        return relation

    def compile(
        self,
        sql: str,
        *,
        maintained: bool = True,
        parameters: Mapping[int, SqlType] | None = None,
    ) -> Query:
        tree = parse_query(tokenize(sql), sql)
        return compile_query(tree, self, ENVIRONMENT, maintained=maintained, parameters=parameters)

    def by_id(self, changes: Mapping[str, ZSet]) -> dict[str, ZSet]:
        return {self.relations[name].id: change for name, change in changes.items()}

    def select(self, sql: str, contents: Mapping[str, ZSet] | None = None) -> list[Row]:
        """The rows of a one-off SELECT, in order; a row that fails raises its error."""
        query = self.compile(sql, maintained=False)
        flow = query.dataflow(time=1000)
        rows = query.finish(flow.step(1000, self.by_id(contents or {})))
        assert not flow.errors, flow.errors
        return rows


class View:
    """A maintained query and what it holds."""

    def __init__(self, catalog: Catalog, sql: str) -> None:
        self.catalog = catalog
        self.query = catalog.compile(sql)
        self.flow: Dataflow = self.query.dataflow()
        self.contents: ZSet = {}
        self.errors: dict[str, int] = {}
        self.time = 0

    def step(self, time: int | None = None, **changes: ZSet) -> ZSet:
        """Take one time's changes (of the next time, by default); gives the result's change."""
        self.time = self.time + 1 if time is None else time
        change = self.flow.step(self.time, self.catalog.by_id(changes))
        assert 0 not in change.values()
        add(self.contents, change)
        for text, diff in self.flow.errors.items():
            self.errors[text] = self.errors.get(text, 0) + diff
            if not self.errors[text]:
                del self.errors[text]
        self.flow.errors.clear()
        return change
