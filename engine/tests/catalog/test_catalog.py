"""Names, dependents, and the relations that list them."""

from __future__ import annotations

import pytest

from engine.catalog import Catalog, Item, Kind, add_system_items, fixed_rows, item_rows
from engine.errors import SqlError
from engine.relation import Column
from engine.sql.parser import parse_statement
from engine.types import TEXT

COLUMNS = (Column("a", TEXT),)


def catalog() -> Catalog:
    made = Catalog()
    add_system_items(made)
    return made


def add(catalog: Catalog, name: str, sql: str, *on: str) -> Item:
    kind = Kind(sql.split()[1].lower())
    columns = () if kind is Kind.INDEX else COLUMNS
    item = Item(
        catalog.next_id(),
        "public",
        name,
        kind,
        columns,
        dependencies=tuple(catalog.get((o,)).id for o in on),
        definition=parse_statement(sql),  # type: ignore[arg-type]
    )
    catalog.add(item)
    return item


def source(catalog: Catalog) -> Item:
    return add(catalog, "s", "CREATE SOURCE s FROM FILE '/f' FORMAT TEXT")


def view(catalog: Catalog, name: str, on: str) -> Item:
    return add(catalog, name, f"CREATE VIEW {name} AS SELECT a FROM {on}", on)


def index(catalog: Catalog, name: str, on: str) -> Item:
    return add(catalog, name, f"CREATE INDEX {name} ON {on} (a)", on)


def test_a_name_may_be_qualified() -> None:
    made = catalog()
    item = source(made)
    for name in [("s",), ("public", "s"), ("materialize", "public", "s")]:
        assert made.get(name) is item
    assert made.get(("mz_objects",)) is made.get(("mz_catalog", "mz_objects"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (("nix",), "unknown catalog item 'nix'"),
        (("public", "nix"), "unknown catalog item 'public.nix'"),
        (("other", "s"), "unknown schema 'other'"),
        (("other", "public", "s"), "unknown database 'other'"),
        (("a", "b", "c", "d"), "more than three parts: a.b.c.d"),
    ],
)
def test_unknown_names(name: tuple[str, ...], text: str) -> None:
    with pytest.raises(SqlError, match=text):
        catalog().get(name)


def test_a_taken_name_is_refused() -> None:
    made = catalog()
    source(made)
    with pytest.raises(SqlError, match="catalog item 's' already exists"):
        view(made, "s", "s")


def test_nothing_is_created_among_the_systems_own() -> None:
    with pytest.raises(SqlError, match="system schema 'mz_catalog' cannot be modified"):
        catalog().qualify(("mz_catalog", "x"))


def test_a_view_is_its_definition_until_it_has_an_index() -> None:
    made = catalog()
    source(made)
    item = view(made, "v", "s")
    assert made.resolve(("v",)).definition is not None
    made_index = index(made, "v_primary_idx", "v")
    assert made.resolve(("v",)).definition is None
    assert made.free_index_name(item) == "v_primary_idx1"
    made.remove(made_index)
    assert made.resolve(("v",)).definition is not None


def test_an_index_is_no_relation() -> None:
    made = catalog()
    source(made)
    index(made, "i", "s")
    with pytest.raises(SqlError, match=r"'materialize.public.i' is an index"):
        made.resolve(("i",))


def test_what_others_depend_on_is_not_dropped() -> None:
    made = catalog()
    source(made)
    view(made, "rc", "s")
    view(made, "bylang", "rc")
    text = (
        "cannot drop materialize.public.rc: still depended upon by catalog item "
        "'materialize.public.bylang'"
    )
    with pytest.raises(SqlError, match=text):
        made.closure([made.get(("rc",))], cascade=False)


def test_cascade_takes_dependents_first_and_each_once() -> None:
    made = catalog()
    root = source(made)
    a, b = view(made, "a", "s"), view(made, "b", "s")
    both = add(made, "c", "CREATE VIEW c AS SELECT a.a FROM a, b", "a", "b")
    on = index(made, "i", "c")
    dropped = made.closure([root], cascade=True)
    assert sorted(item.name for item in dropped) == ["a", "b", "c", "i", "s"]
    order = {item.id: place for place, item in enumerate(dropped)}
    for item in (a, b, both, on):
        assert all(order[item.id] < order[below] for below in item.dependencies)
    for item in dropped:
        made.remove(item)
    assert made.find(("s",)) is None
    assert not made.dependents(root)


def test_indexes_go_with_their_view() -> None:
    made = catalog()
    source(made)
    item = view(made, "v", "s")
    index(made, "i", "v")
    assert [gone.name for gone in made.closure([item], cascade=False)] == ["i", "v"]


def test_several_at_once_may_depend_on_each_other() -> None:
    made = catalog()
    roots = [source(made), view(made, "v", "s")]
    assert [gone.name for gone in made.closure(roots, cascade=False)] == ["v", "s"]


def test_the_systems_own_stay() -> None:
    made = catalog()
    with pytest.raises(SqlError, match=r"system item 'materialize.mz_catalog.mz_views' cannot"):
        made.closure([made.get(("mz_views",))], cascade=True)


def test_an_item_is_listed_under_materializes_names() -> None:
    made = catalog()
    item = source(made)
    rows = dict(item_rows(made, item))
    assert rows["mz_objects"][0] == item.id
    assert rows["mz_objects"][-2:] == ("s", "source")
    assert rows["mz_sources"][3:] == ("s", "file", "unknown")
    assert rows["mz_columns"] == (item.id, "a", 1, True, "text", None)


def test_the_rows_of_every_item_fit_the_columns_of_their_relation() -> None:
    made = catalog()
    source(made)
    view(made, "v", "s")
    index(made, "i", "v")
    add(made, "t", "CREATE TABLE t (a text)")
    relations = {item.name: item for item in made if item.is_system}
    rows = [*fixed_rows(), *(row for item in made for row in item_rows(made, item))]
    for name, row in rows:
        for column, value in zip(relations[name].columns, row, strict=True):
            assert value is None or column.type.from_text(column.type.to_text(value)) == value
