"""The catalog: items, their names, and their dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.catalog.items import DATABASE, SYSTEM_SCHEMA, SYSTEM_SCHEMAS, USER_SCHEMA, Item, Kind
from engine.errors import SqlError
from engine.relation import Relation

Name = tuple[str, ...]

SEARCHED = (SYSTEM_SCHEMA, "pg_catalog", USER_SCHEMA)
"""The schemas in which a name without a schema is looked up."""


class Catalog:
    """The items by id and by name; a `Resolver` for queries. It runs nothing and keeps no rows."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._names: dict[tuple[str, str], Item] = {}
        self._dependents: dict[str, dict[str, None]] = {}
        self._last_id = 0
        self.version = 0
        """Rises with each change; a compiled plan is valid for one version."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __contains__(self, id: str) -> bool:
        return id in self._items

    def __getitem__(self, id: str) -> Item:
        return self._items[id]

    # Names

    def qualify(self, name: Name) -> tuple[str, str]:
        """The schema and name of an item to create; raises SqlError."""
        schema, item = self._split(name)
        if schema is None:
            return USER_SCHEMA, item
        if schema in SYSTEM_SCHEMAS and schema != USER_SCHEMA:
            raise SqlError(f"system schema '{schema}' cannot be modified", "42501")
        return schema, item

    def schema(self, name: str) -> Item | None:
        """The item of a user's schema; None for `public`, and for one that there is not."""
        return self._names.get(("", name))

    def has_schema(self, name: str) -> bool:
        return name in SYSTEM_SCHEMAS or self.schema(name) is not None

    def schema_to_drop(self, name: str, *, if_exists: bool) -> Item | None:
        """The item of a user's schema; raises SqlError for another, unless it `if_exists`."""
        if name in SYSTEM_SCHEMAS:
            raise SqlError(f"schema '{DATABASE}.{name}' cannot be dropped", "42501")
        found = self.schema(name)
        if found is None and not if_exists:
            raise SqlError(f"unknown schema '{name}'", "3F000")
        return found

    def schema_id(self, name: str) -> int:
        """The id of a schema in catalog relations; 0 for the place of schemas themselves."""
        if not name:
            return 0
        user = self.schema(name)
        return SYSTEM_SCHEMAS[name] if user is None else user.oid

    def find(self, name: Name) -> Item | None:
        """The item of that name, None if there is none; raises SqlError for another database."""
        schema, item = self._split(name)
        for searched in SEARCHED if schema is None else (schema,):
            if found := self._names.get((searched, item)):
                return found
        return None

    def get(self, name: Name) -> Item:
        """The item of that name; raises SqlError."""
        found = self.find(name)
        if found is None:
            raise SqlError(f"unknown catalog item '{'.'.join(name)}'")
        return found

    def _split(self, name: Name) -> tuple[str | None, str]:
        if len(name) > 3:
            raise SqlError(f"qualified name has more than three parts: {'.'.join(name)}", "42601")
        if len(name) == 3 and name[0] != DATABASE:
            raise SqlError(f"unknown database '{name[0]}'", "3D000")
        if len(name) == 1:
            return None, name[0]
        schema = name[-2]
        if not self.has_schema(schema):
            raise SqlError(f"unknown schema '{schema}'", "3F000")
        return schema, name[-1]

    # Relations

    def resolve(self, parts: Name) -> Relation:
        """Return the relation of a name in a query; raises SqlError."""
        item = self.get(parts)
        if item.kind is Kind.INDEX:
            raise SqlError(f"'{item.full_name}' is an index and cannot be read")
        return self.relation(item)

    def relation(self, item: Item) -> Relation:
        """An item as queries see it: a view without an index is its definition."""
        definition = None if self.is_maintained(item) else item.query
        return Relation(item.id, item.name, item.columns, definition)

    def indexes(self, item: Item) -> list[Item]:
        dependents = (self._items[id] for id in self._dependents.get(item.id, ()))
        return [dependent for dependent in dependents if dependent.kind is Kind.INDEX]

    def is_maintained(self, item: Item) -> bool:
        """Whether the item's rows are kept, so that it can be read without running anything."""
        if item.kind is Kind.TABLE or item.is_system:
            return True
        return bool(self.indexes(item))

    def dependents(self, item: Item) -> list[Item]:
        """The items made from this one, its indexes left out, in the order of their creation."""
        found = (self._items[id] for id in self._dependents.get(item.id, ()))
        return [dependent for dependent in found if dependent.kind is not Kind.INDEX]

    def all_dependents(self, item: Item) -> list[Item]:
        """The items made from this one, with its indexes."""
        return [self._items[id] for id in self._dependents.get(item.id, ())]

    def find_quietly(self, name: Name) -> Item | None:
        """The item of that name; None also where there is no such schema."""
        try:
            return self.find(name)
        except SqlError:
            return None

    # Changes

    def next_id(self) -> str:
        self._last_id += 1
        return f"u{self._last_id}"

    @property
    def last_id(self) -> int:
        """The highest number that an id of a user's item has had."""
        return self._last_id

    @last_id.setter
    def last_id(self, number: int) -> None:
        self._last_id = max(self._last_id, number)

    def check_free(self, schema: str, name: str) -> None:
        """Raise SqlError when the name is taken."""
        if (schema, name) in self._names:
            raise SqlError(f"catalog item '{name}' already exists")

    def free_index_name(self, relation: Item) -> str:
        """The name of an index that was given none."""
        base = f"{relation.name}_primary_idx"
        names = (base, *(f"{base}{number}" for number in range(1, 1 + len(self._items))))
        return next(name for name in names if (relation.schema, name) not in self._names)

    def add(self, item: Item) -> None:
        self.check_free(item.schema, item.name)
        self.version += 1
        self._items[item.id] = item
        self._names[item.schema, item.name] = item
        for dependency in item.dependencies:
            self._dependents.setdefault(dependency, {})[item.id] = None

    def replace(self, item: Item) -> None:
        """Put an item in the place of the one with its id, which may have another name."""
        old = self._items[item.id]
        self.version += 1
        del self._names[old.schema, old.name]
        self._items[item.id] = item
        self._names[item.schema, item.name] = item

    def remove(self, item: Item) -> None:
        """Remove an item on which no other depends any more."""
        assert not self._dependents.get(item.id)
        self.version += 1
        del self._items[item.id]
        del self._names[item.schema, item.name]
        self._dependents.pop(item.id, None)
        for dependency in item.dependencies:
            self._dependents[dependency].pop(item.id, None)

    def closure(self, roots: Iterable[Item], *, cascade: bool) -> list[Item]:
        """The items that go when `roots` are dropped, dependents first.

        Indexes go with their relation. Raises SqlError when another item depends on one of them
        and `cascade` is not given.
        """
        dropped: dict[str, Item] = {}
        wanted = {item.id: item for item in roots}

        def visit(item: Item) -> None:
            if item.id in dropped:
                return
            if item.is_system:
                raise SqlError(f"system item '{item.full_name}' cannot be modified", "42501")
            for dependent in [self._items[id] for id in self._dependents.get(item.id, ())]:
                kept = dependent.id not in wanted and dependent.kind is not Kind.INDEX
                if kept and not cascade:
                    if item.kind is Kind.SCHEMA:
                        raise SqlError(
                            f"schema '{item.full_name}' cannot be dropped without CASCADE while it "
                            "contains objects",
                            "2BP01",
                        )
                    raise SqlError(
                        f"cannot drop {item.full_name}: still depended upon by catalog item "
                        f"'{dependent.full_name}'",
                        "2BP01",
                    )
                visit(dependent)
            dropped[item.id] = item

        for root in wanted.values():
            visit(root)
        return list(dropped.values())
