"""CREATE and DROP: the catalog, what runs for it, and what is stored of it, changed together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.catalog import Item, Kind
from engine.coordinator.collection import Collection, Table
from engine.coordinator.history import History
from engine.coordinator.maintained import Maintained
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.query import Query, compile_query
from engine.relation import Column
from engine.session.statements import (
    CreateIndex,
    CreateSource,
    CreateTable,
    CreateView,
    DdlStatement,
    Drop,
)
from engine.sources import SourceFile
from engine.storage import StoredItem

_KINDS = {
    CreateSource: Kind.SOURCE,
    CreateTable: Kind.TABLE,
    CreateView: Kind.VIEW,
    CreateIndex: Kind.INDEX,
}


@dataclass(frozen=True)
class Prepared:
    """An item that was checked and can be put in place without failing.

    `collection` is what its rows are read from; `query` is a view's.
    """

    item: Item
    collection: Collection | None = None
    query: Query | None = None


class Definitions:
    """Executes DDL: everything is checked first, then stored, then done."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._catalog = runtime.catalog
        self.files_may_be_missing = False
        """Whether a source may be made though its file is not there: so after a restart."""

    async def execute(self, statement: DdlStatement) -> str:
        """Change the catalog; returns the command tag. The caller lets in one at a time."""
        if isinstance(statement, Drop):
            return await self._drop(statement)
        kind = _KINDS[type(statement)]
        tag = f"CREATE {kind.value.upper()}"
        if isinstance(statement, CreateIndex):
            await self._create_index(statement)
            return tag
        schema, name = self._catalog.qualify(statement.name)
        existing = self._catalog.find((schema, name))
        if existing is not None and statement.if_not_exists:
            return tag
        replaced: list[Item] = []
        if existing is not None and getattr(statement, "or_replace", False):
            if existing.kind is not kind:
                raise _wrong_kind(existing, kind)
            replaced = self._catalog.closure([existing], cascade=False)
        else:
            self._catalog.check_free(schema, name)
        prepared = [self.prepare(statement, self._catalog.next_id(), schema, name)]
        created = prepared[0].item
        if any(item.id in created.dependencies for item in replaced):
            raise SqlError(f"'{created.full_name}' cannot be replaced by a query that reads it")
        if getattr(statement, "materialized", False):
            prepared.append(self._primary_index(prepared[0], replaced))
        await self._change(prepared, replaced)
        return tag

    # Creation

    def prepare(
        self, statement: CreateSource | CreateTable | CreateView, id: str, schema: str, name: str
    ) -> Prepared:
        if isinstance(statement, CreateSource):
            return self._prepare_source(statement, id, schema, name)
        if isinstance(statement, CreateTable):
            return self._prepare_table(statement, id, schema, name)
        query = self.compile_view(statement)
        columns = _renamed(query.columns, statement.column_names)
        item = Item(
            id,
            schema,
            name,
            Kind.VIEW,
            columns,
            dependencies=query.dependencies,
            definition=statement,
        )
        return Prepared(item, query=query)

    def _prepare_source(self, statement: CreateSource, id: str, schema: str, name: str) -> Prepared:
        longest = self._runtime.options.max_line_bytes
        file = SourceFile(statement, longest, may_be_missing=self.files_may_be_missing)
        try:
            names = statement.column_names
            if names and len(names) == len(file.format.columns) - 1:
                names = (*names, file.format.columns[-1].name)
            columns = _renamed(file.format.columns, names)
        except SqlError:
            file.close()
            raise
        item = Item(id, schema, name, Kind.SOURCE, columns, definition=statement)
        source = Source(id, name, columns, file, self._runtime.window.start)
        return Prepared(item, source)

    def _prepare_table(self, statement: CreateTable, id: str, schema: str, name: str) -> Prepared:
        columns = tuple(Column(column.name, column.type) for column in statement.columns)
        _check_distinct(columns)
        nullable = tuple(column.nullable for column in statement.columns)
        item = Item(id, schema, name, Kind.TABLE, columns, nullable, definition=statement)
        table = Table(id, name, columns, History(self._runtime.window.start))
        table.set_complete()
        return Prepared(item, table)

    def compile_view(self, statement: CreateView) -> Query:
        """A view's query, against the catalog as it is now."""
        return compile_query(
            statement.query, self._catalog, self._runtime.environment, maintained=True
        )

    def _primary_index(self, prepared: Prepared, replaced: Sequence[Item]) -> Prepared:
        item = prepared.item
        free = {gone.name for gone in replaced}
        name = f"{item.name}_primary_idx"
        if name not in free:
            name = self._catalog.free_index_name(item)
        definition = CreateIndex(name, (item.schema, item.name), _index_sql(name, item))
        index = index_item(self._catalog.next_id(), name, item, definition)
        collection = None
        if prepared.query is not None:
            collection = self.maintained(item, prepared.query)
        elif isinstance(prepared.collection, Source):
            collection = self._arranged(prepared.collection)
        return Prepared(index, collection)

    async def _create_index(self, statement: CreateIndex) -> None:
        relation = self._catalog.get(statement.relation)
        name = statement.name or self._catalog.free_index_name(relation)
        if statement.if_not_exists and self._catalog.find((relation.schema, name)):
            return
        self._catalog.check_free(relation.schema, name)
        if relation.kind is Kind.INDEX or relation.is_system:
            raise SqlError(f"cannot create an index on '{relation.full_name}'")
        known = {column.name for column in relation.columns}
        for column in statement.columns:
            if column.strip('"').isidentifier() and column.strip('"') not in known:
                raise SqlError(f'column "{column}" does not exist')
        if statement.name is None:
            sql = _index_sql(name, relation)
            statement = CreateIndex(name, statement.relation, sql, statement.columns)
        index = index_item(self._catalog.next_id(), name, relation, statement)
        collection = self.collection_of_index(relation)
        await self._change([Prepared(index, collection)], [])

    def collection_of_index(self, relation: Item) -> Maintained | None:
        """What has to run so that the relation can be read; None when it can be already."""
        if self._catalog.is_maintained(relation):
            return None
        if isinstance(relation.definition, CreateView):
            return self.maintained(relation, self.compile_view(relation.definition))
        source = self._runtime.collection(relation.id)
        assert isinstance(source, Source)
        return self._arranged(source)

    def maintained(self, item: Item, query: Query) -> Maintained:
        since = self._runtime.graph.upper - 1
        inputs = {id: self._runtime.collection(id) for id in query.inputs}
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

    async def _change(self, prepared: Sequence[Prepared], dropped: Sequence[Item]) -> None:
        """Store a change of the catalog, then do it."""
        stored = [_stored(new.item) for new in prepared]
        gone = [item.id for item in dropped]
        await asyncio.to_thread(
            self._runtime.store.change_items, stored, gone, self._catalog.last_id
        )
        for item in dropped:
            self._remove(item)
        self.install(prepared)
        self._runtime.tick({})

    def install(self, prepared: Sequence[Prepared], *, build: bool = True) -> None:
        """Put prepared items in place, and begin to fill their dataflows."""
        for new in prepared:
            self._catalog.add(new.item)
            self._runtime.system.add_item(new.item)
            if isinstance(new.collection, Source):
                self._runtime.sources.add(new.collection)
            if new.collection is not None:
                self._runtime.keep(new.collection)
        if build:
            self.build(prepared)

    def build(self, prepared: Sequence[Prepared]) -> None:
        """Begin to fill the dataflows of items that are in place, all in one pass."""
        built = [new.collection for new in prepared if isinstance(new.collection, Maintained)]
        if built:
            self._runtime.build_with_others(built)

    # Removal

    async def _drop(self, statement: Drop) -> str:
        kind = Kind(statement.kind)
        roots: list[Item] = []
        for name in statement.names:
            item = self._catalog.find(name) if statement.if_exists else self._catalog.get(name)
            if item is not None and item.kind is not kind:
                raise _wrong_kind(item, kind)
            if item is not None:
                roots.append(item)
        goners = self._catalog.closure(roots, cascade=statement.cascade)
        if goners:
            await self._change([], goners)
        return f"DROP {kind.value.upper()}"

    def _remove(self, item: Item) -> None:
        self._catalog.remove(item)
        self._runtime.system.remove_item(item)
        if item.kind is not Kind.INDEX:
            if item.id in self._runtime.collections:
                self._runtime.forget(item.id)
            return
        relation = self._catalog[item.dependencies[0]]
        if self._catalog.is_maintained(relation):
            return
        if relation.kind is Kind.SOURCE:
            arranged = self._runtime.collection(relation.id)
            assert isinstance(arranged, Maintained)
            self._runtime.keep(arranged.inputs[relation.id])
        else:
            self._runtime.forget(relation.id)


def _wrong_kind(item: Item, expected: Kind) -> SqlError:
    return SqlError(f"'{item.full_name}' is a {item.kind.value}, not a {expected.value}", "42809")


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
    return Item(
        id, relation.schema, name, Kind.INDEX, dependencies=(relation.id,), definition=definition
    )


def _index_sql(name: str, relation: Item) -> str:
    """A statement that makes the index again."""
    columns = ", ".join(_quoted(column.name) for column in relation.columns)
    target = f"{_quoted(relation.schema)}.{_quoted(relation.name)}"
    return f"CREATE INDEX {_quoted(name)} ON {target} ({columns})"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _stored(item: Item) -> StoredItem:
    assert item.definition is not None
    return StoredItem(item.id, item.definition.sql)
