"""CREATE and DROP: change the catalog, the running dataflows and the store together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.catalog import Item, Kind
from engine.coordinator.maintained import Maintained
from engine.coordinator.preparation import (
    Preparation,
    Prepared,
    index_item,
    index_sql,
    schema_item,
)
from engine.coordinator.renaming import renamed_items
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.errors import SqlError
from engine.sql.statements import (
    CreateIndex,
    CreateSchema,
    CreateSource,
    CreateTable,
    CreateView,
    DdlStatement,
    Drop,
    Rename,
)
from engine.storage import StoredItem
from engine.worker import off_loop

_KINDS = {
    CreateSource: Kind.SOURCE,
    CreateTable: Kind.TABLE,
    CreateView: Kind.VIEW,
}


class Definitions:
    """Executes DDL: everything is checked first, then stored, then done."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._catalog = runtime.catalog
        self.preparation = Preparation(runtime)

    async def execute(self, statement: DdlStatement) -> str:
        """Change the catalog; returns the command tag. Calls must not overlap."""
        if isinstance(statement, Drop):
            return await self._drop(statement)
        if isinstance(statement, Rename):
            return await self._rename(statement)
        if isinstance(statement, CreateIndex):
            await self._create_index(statement)
            return "CREATE INDEX"
        if isinstance(statement, CreateSchema):
            await self._create_schema(statement)
            return "CREATE SCHEMA"
        kind = _KINDS[type(statement)]
        tag = f"CREATE {kind.value.upper()}"
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
        id = self._catalog.next_id()
        if isinstance(statement, CreateView):
            # The query may be long; the catalog does not change until this statement is done.
            prepare = self.preparation.prepare
            prepared = [await off_loop(prepare, statement, id, schema, name)]
        else:
            prepared = [self.preparation.prepare(statement, id, schema, name)]
        created = prepared[0].item
        if any(item.id in created.dependencies for item in replaced):
            raise SqlError(f"'{created.full_name}' cannot be replaced by a query that reads it")
        if getattr(statement, "materialized", False):
            query = prepared[0].query
            flow = None
            if query is not None and query.is_large:
                flow = await off_loop(query.dataflow, self._runtime.environment)
            prepared.append(self.preparation.primary_index(prepared[0], replaced, flow))
        await self._change(prepared, replaced)
        return tag

    async def _create_schema(self, statement: CreateSchema) -> None:
        if self._catalog.has_schema(statement.name):
            if statement.if_not_exists:
                return
            raise SqlError(f"schema '{statement.name}' already exists", "42P06")
        item = schema_item(self._catalog.next_id(), statement)
        await self._change([Prepared(item)], [])

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
            sql = index_sql(name, relation)
            statement = CreateIndex(name, statement.relation, sql, statement.columns)
        index = index_item(self._catalog.next_id(), name, relation, statement)
        collection = self.preparation.collection_of_index(relation)
        await self._change([Prepared(index, collection)], [])

    async def _change(self, prepared: Sequence[Prepared], dropped: Sequence[Item]) -> None:
        """Store a change of the catalog, then do it."""
        stored = [_stored(new.item) for new in prepared]
        gone = [item.id for item in dropped]
        try:
            await asyncio.to_thread(
                self._runtime.store.change_items, stored, gone, self._catalog.last_id
            )
        except SqlError:
            for new in prepared:
                new.discard()
            raise
        await self._runtime.ticks.settled()
        for item in dropped:
            self._remove(item)
        self.install(prepared)
        self._runtime.ticks.tick({})

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

    async def _rename(self, statement: Rename) -> str:
        kind = Kind(statement.kind)
        tag = f"ALTER {kind.value.upper()}"
        item = self._catalog.find(statement.name)
        if item is None:
            if statement.if_exists:
                return tag
            item = self._catalog.get(statement.name)
        if item.is_system:
            raise SqlError(f"system item '{item.full_name}' cannot be modified", "42501")
        if item.kind is not kind:
            raise _wrong_kind(item, kind)
        self._catalog.check_free(item.schema, statement.new_name)
        new = renamed_items(self._catalog, item, statement.new_name)
        await asyncio.to_thread(self._runtime.store.replace_sql, [_stored(each) for each in new])
        self._runtime.system.take_out([self._catalog[each.id] for each in new])
        for each in new:
            self._catalog.replace(each)
        self._runtime.system.put_back(new)
        if item.id in self._runtime.collections:
            self._runtime.collections[item.id].name = statement.new_name
        self._runtime.ticks.tick({})
        return tag

    # Removal

    async def _drop(self, statement: Drop) -> str:
        kind = Kind(statement.kind)
        roots: list[Item] = []
        for name in statement.names:
            if kind is Kind.SCHEMA:
                item = self._catalog.schema_to_drop(name[-1], if_exists=statement.if_exists)
            else:
                item = self._catalog.find(name) if statement.if_exists else self._catalog.get(name)
            if item is not None and item.kind is not kind:
                raise _wrong_kind(item, kind)
            if item is not None:
                roots.append(item)
        dropped = self._catalog.closure(roots, cascade=statement.cascade)
        if dropped:
            await self._change([], dropped)
        return f"DROP {kind.value.upper()}"

    def _remove(self, item: Item) -> None:
        self._catalog.remove(item)
        self._runtime.system.remove_item(item)
        self._runtime.end_subscriptions(item)
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


def _stored(item: Item) -> StoredItem:
    assert item.definition is not None
    return StoredItem(item.id, item.definition.sql)
