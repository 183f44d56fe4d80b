"""`mz_catalog`: Materialize's own relations about the catalog, and this engine's statistics.

Names and columns are those of v0.26 where it has the relation.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.items import DATABASE, SYSTEM_SCHEMAS, USER_SCHEMA, Item, Kind
from engine.catalog.system.functions import listed_functions
from engine.catalog.system.tables import (
    DATABASE_ID,
    OWNER,
    OWNER_ID,
    NamedRow,
    system_tables,
)
from engine.sql.statements import CreateIndex, CreateView
from engine.types import SCALARS, SqlType, array_of

_ITEM = "id text, oid oid, schema_id int8, name text"

TABLES = system_tables(
    mz_databases="id int8, oid oid, name text",
    mz_schemas="id int8, oid oid, database_id int8, name text",
    mz_objects=f"{_ITEM}, type text",
    mz_relations=f"{_ITEM}, type text",
    mz_sources=f"{_ITEM}, connector_type text, volatility text = unknown",
    mz_tables=_ITEM,
    mz_views=f"{_ITEM}, volatility text = unknown, definition text",
    mz_indexes="id text, oid oid, name text, on_id text, volatility text = unknown, "
    "enabled bool = true",
    mz_columns="id text, name text, position int8, nullable bool, type text, default text",
    mz_source_statistics="id text, name text, rows_read int8, bytes_read int8, "
    "lines_left_out int8, file_state text",
    mz_view_statistics="id text, name text, rows int8, rows_kept int8, history_updates int8, "
    "complete bool",
    mz_tails="id int8, relation_id text, name text, started_at timestamptz, updates_sent int8, "
    "lag_ms int8",
    mz_evaluation_errors="id text, name text, error text, count int8",
    mz_dataflow_operators="id int8, worker int8, name text",
    mz_dataflow_operator_addresses="id int8, worker int8, address int8[]",
    mz_dataflow_operator_dataflows="id int8, name text, worker int8, dataflow_id int8, "
    "dataflow_name text",
    mz_dataflow_channels="id int8, worker int8, source_node int8, source_port int8, "
    "target_node int8, target_port int8",
    mz_message_counts="channel int8, source_worker int8, target_worker int8, sent int8, "
    "received int8",
    mz_records_per_dataflow_operator="id int8, name text, worker int8, dataflow_id int8, "
    "records int8",
    mz_records_per_dataflow="id int8, name text, worker int8, records int8",
    mz_roles="id int8, oid oid, name text",
    mz_types=_ITEM,
    mz_base_types="type_id text",
    mz_array_types="type_id text, element_id text",
    mz_list_types="type_id text, element_id text",
    mz_map_types="type_id text, key_id text, value_id text",
    mz_pseudo_types="type_id text",
    mz_functions=f"{_ITEM}, arg_ids text[], variadic_id text, ret_id text, ret_set bool = false",
    mz_index_columns="index_id text, index_position int8, on_position int8, on_expression text, "
    "nullable bool",
    mz_view_keys="global_id text, column int8, key_group int8",
    mz_sinks=f"{_ITEM}, connector_type text, volatility text",
)
STATISTICS = frozenset(
    {
        *("mz_source_statistics", "mz_view_statistics", "mz_tails", "mz_evaluation_errors"),
        *("mz_dataflow_operators", "mz_dataflow_operator_dataflows", "mz_dataflow_channels"),
        *("mz_dataflow_operator_addresses", "mz_message_counts"),
        *("mz_records_per_dataflow_operator", "mz_records_per_dataflow"),
    }
)
"""Those whose rows the coordinator fills; the rows of the others come from the catalog."""


def fixed_rows() -> Iterator[NamedRow]:
    """The rows that are always there."""
    yield TABLES["mz_databases"].row(id=DATABASE_ID, oid=DATABASE_ID, name=DATABASE)
    for name, number in SYSTEM_SCHEMAS.items():
        owner = DATABASE_ID if name == USER_SCHEMA else None
        yield TABLES["mz_schemas"].row(id=number, oid=number, database_id=owner, name=name)
    yield TABLES["mz_roles"].row(id=OWNER_ID, oid=OWNER_ID, name=OWNER)
    for type_ in SCALARS:
        yield from _type_rows(type_)
    for function in listed_functions():
        yield TABLES["mz_functions"].row(
            id=function.id,
            oid=function.oid,
            schema_id=SYSTEM_SCHEMAS["pg_catalog"],
            name=function.name,
            arg_ids=tuple(map(type_id, function.arguments)),
            variadic_id=type_id(function.arguments[-1]) if function.variadic else None,
            ret_id=type_id(function.returns),
            ret_set=function.returns_set,
        )


def _type_rows(type_: SqlType) -> Iterator[NamedRow]:
    array = array_of(type_)
    schema = SYSTEM_SCHEMAS["pg_catalog"]
    for each in (type_, array):
        yield TABLES["mz_types"].row(
            id=type_id(each), oid=each.oid, schema_id=schema, name=type_name(each)
        )
    yield TABLES["mz_base_types"].row(type_id=type_id(type_))
    yield TABLES["mz_array_types"].row(type_id=type_id(array), element_id=type_id(type_))


def type_id(type_: SqlType) -> str:
    return f"s{type_.oid}"


def type_name(type_: SqlType) -> str:
    """The name in `pg_type`: an array is called as its element, with `_` in front."""
    name = type_.name
    return f"_{name.removesuffix('[]')}" if name.endswith("[]") else name


def item_rows(item: Item, schema_id: int, relation: Item | None) -> Iterator[NamedRow]:
    """The rows about one item; `relation` is what an index is on."""
    listed = {"id": item.id, "oid": item.oid, "schema_id": schema_id, "name": item.name}
    if item.kind is Kind.SCHEMA:
        yield TABLES["mz_schemas"].row(
            id=item.oid, oid=item.oid, database_id=DATABASE_ID, name=item.name
        )
        return
    yield TABLES["mz_objects"].row(**listed, type=item.kind.value)
    if relation is not None:
        yield from _index_rows(item, relation)
        return
    yield TABLES["mz_relations"].row(**listed, type=item.kind.value)
    if item.kind is Kind.SOURCE:
        yield TABLES["mz_sources"].row(**listed, connector_type="file")
    elif item.kind is Kind.TABLE:
        yield TABLES["mz_tables"].row(**listed)
    else:
        assert isinstance(item.definition, CreateView)
        yield TABLES["mz_views"].row(**listed, definition=item.definition.sql)
    for position, column, nullable in item.numbered_columns():
        yield TABLES["mz_columns"].row(
            id=item.id,
            name=column.name,
            position=position,
            nullable=nullable,
            type=column.type.sql_name,
        )


def _index_rows(item: Item, relation: Item) -> Iterator[NamedRow]:
    assert isinstance(item.definition, CreateIndex)
    yield TABLES["mz_indexes"].row(id=item.id, oid=item.oid, name=item.name, on_id=relation.id)
    for position, (number, expression) in enumerate(indexed_columns(item, relation), 1):
        yield TABLES["mz_index_columns"].row(
            index_id=item.id,
            index_position=position,
            on_position=number,
            on_expression=None if number else expression,
            nullable=relation.is_nullable(number) if number else True,
        )


def indexed_columns(item: Item, relation: Item) -> list[tuple[int | None, str]]:
    """The key of an index: the position of each column, None for another expression; its text."""
    assert isinstance(item.definition, CreateIndex)
    positions = {column.name: place for place, column in enumerate(relation.columns, 1)}
    if not item.definition.columns:
        return [(place, name) for name, place in positions.items()]
    return [
        (positions.get(_unquoted(expression)), expression) for expression in item.definition.columns
    ]


def _unquoted(expression: str) -> str:
    if expression.startswith('"') and expression.endswith('"') and len(expression) > 1:
        return expression[1:-1].replace('""', '"')
    return expression.lower()
