"""The system's own relations: the catalog and the engine's statistics, to be read like any view.

Names and columns are Materialize's where it has them; the statistics are this engine's.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.catalog import Catalog
from engine.catalog.items import DATABASE, SYSTEM_SCHEMA, USER_SCHEMA, Item, Kind
from engine.relation import Column
from engine.sql.statements import CreateIndex, CreateView
from engine.types import BOOL, INT8, OID, SCALARS, TEXT, TIMESTAMPTZ, SqlType, array_of
from engine.zset import Row

_DATABASE_ID = 1
_SCHEMA_IDS = {SYSTEM_SCHEMA: 1, "pg_catalog": 2, USER_SCHEMA: 3}

_RELATIONS: dict[str, dict[str, SqlType]] = {
    "mz_databases": {"id": INT8, "oid": OID, "name": TEXT},
    "mz_schemas": {"id": INT8, "oid": OID, "database_id": INT8, "name": TEXT},
    "mz_objects": {"id": TEXT, "oid": OID, "schema_id": INT8, "name": TEXT, "type": TEXT},
    "mz_relations": {"id": TEXT, "oid": OID, "schema_id": INT8, "name": TEXT, "type": TEXT},
    "mz_sources": {
        "id": TEXT,
        "oid": OID,
        "schema_id": INT8,
        "name": TEXT,
        "connector_type": TEXT,
        "volatility": TEXT,
    },
    "mz_tables": {"id": TEXT, "oid": OID, "schema_id": INT8, "name": TEXT},
    "mz_views": {
        "id": TEXT,
        "oid": OID,
        "schema_id": INT8,
        "name": TEXT,
        "volatility": TEXT,
        "definition": TEXT,
    },
    "mz_indexes": {
        "id": TEXT,
        "oid": OID,
        "name": TEXT,
        "on_id": TEXT,
        "volatility": TEXT,
        "enabled": BOOL,
    },
    "mz_columns": {
        "id": TEXT,
        "name": TEXT,
        "position": INT8,
        "nullable": BOOL,
        "type": TEXT,
        "default": TEXT,
    },
    "mz_source_statistics": {
        "id": TEXT,
        "name": TEXT,
        "rows_read": INT8,
        "bytes_read": INT8,
        "lines_left_out": INT8,
    },
    "mz_view_statistics": {
        "id": TEXT,
        "name": TEXT,
        "rows": INT8,
        "rows_kept": INT8,
        "history_updates": INT8,
        "complete": BOOL,
    },
    "mz_tails": {
        "id": INT8,
        "relation_id": TEXT,
        "name": TEXT,
        "started_at": TIMESTAMPTZ,
        "updates_sent": INT8,
        "lag_ms": INT8,
    },
    "mz_evaluation_errors": {"id": TEXT, "name": TEXT, "error": TEXT, "count": INT8},
    # What drivers ask PostgreSQL for when they connect.
    "pg_namespace": {"oid": OID, "nspname": TEXT},
    "pg_type": {
        "oid": OID,
        "typname": TEXT,
        "typnamespace": OID,
        "typtype": TEXT,
        "typelem": OID,
        "typarray": OID,
        "typdelim": TEXT,
    },
}
STATISTICS = frozenset(
    {"mz_source_statistics", "mz_view_statistics", "mz_tails", "mz_evaluation_errors"}
)
"""Those whose rows the coordinator gives; the others' come from the catalog."""


def add_system_items(catalog: Catalog) -> None:
    """Give the catalog its own relations, under ids (`s1`, `s2`, ...) that never change."""
    for number, (name, columns) in enumerate(_RELATIONS.items(), 1):
        catalog.add(
            Item(
                id=f"s{number}",
                schema=SYSTEM_SCHEMA,
                name=name,
                kind=Kind.TABLE,
                columns=tuple(Column(column, type) for column, type in columns.items()),
            )
        )


def fixed_rows() -> Iterator[tuple[str, Row]]:
    """The rows that are always there, each with its relation's name."""
    yield "mz_databases", (_DATABASE_ID, _DATABASE_ID, DATABASE)
    for name, number in _SCHEMA_IDS.items():
        owner = _DATABASE_ID if name == USER_SCHEMA else None
        yield "mz_schemas", (number, number, owner, name)
        yield "pg_namespace", (number, name)
    for type_ in SCALARS:
        yield "pg_type", (*_type_names(type_), 0, type_.array_oid, ",")
        yield "pg_type", (*_type_names(array_of(type_)), type_.oid, 0, ",")


def _type_names(type_: SqlType) -> tuple[int, str, int, str]:
    """The first columns of `pg_type`; an array is called as its element, led by `_`."""
    name = type_.name
    if name.endswith("[]"):
        name = f"_{name.removesuffix('[]')}"
    return type_.oid, name, _SCHEMA_IDS["pg_catalog"], "b"


def item_rows(item: Item) -> Iterator[tuple[str, Row]]:
    """The rows that tell of one item, each with its relation's name."""
    schema = _SCHEMA_IDS[item.schema]
    listed = (item.id, item.oid, schema, item.name)
    yield "mz_objects", (*listed, item.kind.value)
    if item.kind is Kind.INDEX:
        assert isinstance(item.definition, CreateIndex)
        yield "mz_indexes", (item.id, item.oid, item.name, item.dependencies[0], "unknown", True)
        return
    yield "mz_relations", (*listed, item.kind.value)
    if item.kind is Kind.SOURCE:
        yield "mz_sources", (*listed, "file", "unknown")
    elif item.kind is Kind.TABLE:
        yield "mz_tables", listed
    else:
        assert isinstance(item.definition, CreateView)
        yield "mz_views", (*listed, "unknown", item.definition.sql)
    yield from _column_rows(item)


def _column_rows(item: Item) -> Iterator[tuple[str, Row]]:
    nullable = item.nullable or (True,) * len(item.columns)
    for position, (column, null) in enumerate(zip(item.columns, nullable, strict=True), 1):
        yield "mz_columns", (item.id, column.name, position, null, column.type.sql_name, None)
