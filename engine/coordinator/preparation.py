"""Prepares CREATE: checks everything, so that installing the items cannot fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.catalog import Item, Kind, with_oids
from engine.coordinator.collection import Collection, Table
from engine.coordinator.history import History
from engine.coordinator.maintained import Maintained
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Column
from engine.sources import SourceFile
from engine.sql.statements import CreateIndex, CreateSchema, CreateSource, CreateTable, CreateView


@dataclass(frozen=True)
class Prepared:
    """An item that was checked and can be installed without failing.

    `collection` is what its rows are read from; `query` is a view's.
    """

    item: Item
    collection: Collection | None = None
    query: Query | None = None

    def discard(self) -> None:
        """Free its resources: it will not be installed."""
        if self.collection is not None:
            self.collection.free()


class Preparation:
    """Prepares the items that statements name."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._catalog = runtime.catalog
        self.files_may_be_missing = False
        """Whether a source may be made though its file is not there: so after a restart."""

    def prepare(
        self, statement: CreateSource | CreateTable | CreateView, id: str, schema: str, name: str
    ) -> Prepared:
        """Check a statement against the catalog as it is now; raises SqlError."""
        if isinstance(statement, CreateSource):
            return self._prepare_source(statement, id, schema, name)
        if isinstance(statement, CreateTable):
            return self._prepare_table(statement, id, schema, name)
        statement = replace(statement, query=with_oids(statement.query, self._catalog))
        query = self._compiled(statement)
        columns = _renamed(query.columns, statement.column_names)
        item = Item(
            id,
            schema,
            name,
            Kind.VIEW,
            columns,
            dependencies=query.dependencies + self._schema_dependency(schema),
            definition=statement,
        )
        return Prepared(item, query=query)

    def _prepare_source(self, statement: CreateSource, id: str, schema: str, name: str) -> Prepared:
        longest = self._runtime.options.max_line_bytes
        file = SourceFile(statement, longest, may_be_missing=self.files_may_be_missing)
        try:
            *own, line_number = file.format.columns
            columns = (*_renamed(tuple(own), statement.column_names), line_number)
            _check_distinct(columns)
        except SqlError:
            file.close()
            raise
        item = Item(
            id,
            schema,
            name,
            Kind.SOURCE,
            columns,
            dependencies=self._schema_dependency(schema),
            definition=statement,
        )
        source = Source(id, name, columns, file, self._runtime.window.start)
        return Prepared(item, source)

    def _prepare_table(self, statement: CreateTable, id: str, schema: str, name: str) -> Prepared:
        columns = tuple(Column(column.name, column.type) for column in statement.columns)
        _check_distinct(columns)
        nullable = tuple(column.nullable for column in statement.columns)
        dependencies = self._schema_dependency(schema)
        item = Item(id, schema, name, Kind.TABLE, columns, nullable, dependencies, statement)
        table = Table(id, name, columns, History(self._runtime.window.start))
        table.set_complete()
        return Prepared(item, table)

    def _schema_dependency(self, schema: str) -> tuple[str, ...]:
        item = self._catalog.schema(schema)
        return () if item is None else (item.id,)

    def _compiled(self, statement: CreateView) -> Query:
        """A view's query, against the catalog as it is now."""
        return self._runtime.compile(statement.query, maintained=True)

    def primary_index(
        self, prepared: Prepared, replaced: Sequence[Item], flow: Dataflow | None = None
    ) -> Prepared:
        """The index that comes with a materialized view or source; `flow` is the view's."""
        item = prepared.item
        free = {gone.name for gone in replaced}
        name = f"{item.name}_primary_idx"
        if name not in free:
            name = self._catalog.free_index_name(item)
        definition = CreateIndex(name, (item.schema, item.name), index_sql(name, item))
        index = index_item(self._catalog.next_id(), name, item, definition)
        collection = None
        if prepared.query is not None:
            collection = self._maintained(item, prepared.query, flow)
        elif isinstance(prepared.collection, Source):
            collection = self._arranged(prepared.collection)
        return Prepared(index, collection)

    def collection_of_index(self, relation: Item) -> Maintained | None:
        """The work that makes the relation readable; None if it is readable already."""
        if self._catalog.is_maintained(relation):
            return None
        if isinstance(relation.definition, CreateView):
            return self._maintained(relation, self._compiled(relation.definition))
        source = self._runtime.collection(relation.id)
        assert isinstance(source, Source)
        return self._arranged(source)

    def _maintained(self, item: Item, query: Query, flow: Dataflow | None = None) -> Maintained:
        since = self._runtime.graph.upper - 1
        inputs = {id: self._runtime.collection(id) for id in query.inputs}
        if flow is None:
            flow = query.dataflow(self._runtime.environment, (), since)
        return Maintained(
            item.id,
            item.name,
            item.columns,
            flow,
            inputs,
            self._runtime.window.start,
            self._runtime.system.change_errors,
        )

    def _arranged(self, source: Source) -> Maintained:
        """All rows of a source, kept."""
        flow = Dataflow((), source.id)
        inputs = {source.id: source}
        since = self._runtime.window.start
        return Maintained(source.id, source.name, source.columns, flow, inputs, since)


def _check_distinct(columns: Iterable[Column]) -> None:
    for name, count in Counter(column.name for column in columns).items():
        if count > 1:
            raise SqlError(f'column "{name}" specified more than once', "42701")


def _renamed(columns: tuple[Column, ...], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns with other names, of which there must be as many, if any."""
    if names and len(names) != len(columns):
        raise SqlError(f"{len(names)} column names are given, expected {len(columns)}", "42601")
    if names:
        pairs = zip(names, columns, strict=True)
        columns = tuple(Column(name, column.type) for name, column in pairs)
    _check_distinct(columns)
    return columns


def index_item(id: str, name: str, relation: Item, definition: CreateIndex) -> Item:
    """The item of an index."""
    return Item(
        id, relation.schema, name, Kind.INDEX, dependencies=(relation.id,), definition=definition
    )


def schema_item(id: str, definition: CreateSchema) -> Item:
    """The item of a user's schema."""
    return Item(id, "", definition.name, Kind.SCHEMA, definition=definition)


def index_sql(name: str, relation: Item) -> str:
    """A statement that makes the index again."""
    columns = ", ".join(_quoted(column.name) for column in relation.columns)
    target = f"{_quoted(relation.schema)}.{_quoted(relation.name)}"
    return f"CREATE INDEX {_quoted(name)} ON {target} ({columns})"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
