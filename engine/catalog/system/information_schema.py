"""`information_schema`: the SQL standard's relations about relations and columns."""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.items import DATABASE, SYSTEM_SCHEMAS, Item, Kind
from engine.catalog.system.tables import OWNER, NamedRow, system_tables
from engine.sql.statements import CreateTable
from engine.types import FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, SqlType

TABLES = system_tables(
    information_schema_catalog_name="catalog_name text",
    schemata="catalog_name text = materialize, schema_name text, schema_owner text = materialize, "
    "default_character_set_catalog text, default_character_set_schema text, "
    "default_character_set_name text, sql_path text",
    tables="table_catalog text = materialize, table_schema text, table_name text, "
    "table_type text, self_referencing_column_name text, reference_generation text, "
    "user_defined_type_catalog text, user_defined_type_schema text, user_defined_type_name text, "
    "is_insertable_into text, is_typed text = NO, commit_action text",
    views="table_catalog text = materialize, table_schema text, table_name text, "
    "view_definition text, check_option text = NONE, is_updatable text = NO, "
    "is_insertable_into text = NO",
    columns="table_catalog text = materialize, table_schema text, table_name text, "
    "column_name text, ordinal_position int4, column_default text, is_nullable text, "
    "data_type text, character_maximum_length int4, character_octet_length int4, "
    "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
    "datetime_precision int4, interval_type text, interval_precision int4, "
    "character_set_catalog text, character_set_schema text, character_set_name text, "
    "collation_catalog text, collation_schema text, collation_name text, domain_catalog text, "
    "domain_schema text, domain_name text, udt_catalog text = materialize, "
    "udt_schema text = pg_catalog, udt_name text, scope_catalog text, scope_schema text, "
    "scope_name text, maximum_cardinality int4, dtd_identifier text, "
    "is_self_referencing text = NO, is_identity text = NO, identity_generation text, "
    "identity_start text, identity_increment text, identity_maximum text, identity_minimum text, "
    "identity_cycle text = NO, is_generated text = NEVER, generation_expression text, "
    "is_updatable text",
    enabled_roles="role_name text",
    applicable_roles="grantee text, role_name text, is_grantable text",
    # There are no such things here.
    table_constraints="constraint_catalog text, constraint_schema text, constraint_name text, "
    "table_catalog text, table_schema text, table_name text, constraint_type text, "
    "is_deferrable text, initially_deferred text, enforced text",
    key_column_usage="constraint_catalog text, constraint_schema text, constraint_name text, "
    "table_catalog text, table_schema text, table_name text, column_name text, "
    "ordinal_position int4, position_in_unique_constraint int4",
    constraint_column_usage="table_catalog text, table_schema text, table_name text, "
    "column_name text, constraint_catalog text, constraint_schema text, constraint_name text",
    referential_constraints="constraint_catalog text, constraint_schema text, "
    "constraint_name text, unique_constraint_catalog text, unique_constraint_schema text, "
    "unique_constraint_name text, match_option text, update_rule text, delete_rule text",
    check_constraints="constraint_catalog text, constraint_schema text, constraint_name text, "
    "check_clause text",
    routines="specific_catalog text, specific_schema text, specific_name text, "
    "routine_catalog text, routine_schema text, routine_name text, routine_type text, "
    "data_type text, routine_definition text",
    triggers="trigger_catalog text, trigger_schema text, trigger_name text, "
    "event_manipulation text, event_object_schema text, event_object_table text, "
    "action_statement text, action_timing text",
    sequences="sequence_catalog text, sequence_schema text, sequence_name text, data_type text, "
    "start_value text, minimum_value text, maximum_value text, increment text",
)

_PRECISION: dict[SqlType, tuple[int | None, int | None, int | None]] = {
    INT2: (16, 2, 0),
    INT4: (32, 2, 0),
    INT8: (64, 2, 0),
    FLOAT4: (24, 2, None),
    FLOAT8: (53, 2, None),
}
"""Precision, its radix, and scale."""


def fixed_rows() -> Iterator[NamedRow]:
    """The rows that are always there."""
    yield TABLES["information_schema_catalog_name"].row(catalog_name=DATABASE)
    yield TABLES["enabled_roles"].row(role_name=OWNER)
    for name in SYSTEM_SCHEMAS:
        yield TABLES["schemata"].row(schema_name=name)


def item_rows(item: Item) -> Iterator[NamedRow]:
    """The rows about one item."""
    if item.kind is Kind.SCHEMA:
        yield TABLES["schemata"].row(schema_name=item.name)
        return
    if item.kind is Kind.INDEX:
        return
    is_written = "YES" if item.kind is Kind.TABLE and not item.is_system else "NO"
    named = {"table_schema": item.schema, "table_name": item.name}
    kind = "VIEW" if item.kind is Kind.VIEW else "BASE TABLE"
    yield TABLES["tables"].row(**named, table_type=kind, is_insertable_into=is_written)
    if item.kind is Kind.VIEW:
        assert item.definition is not None
        yield TABLES["views"].row(**named, view_definition=item.definition.sql)
    for position, column, nullable in item.numbered_columns():
        default = None
        precision, radix, scale = _PRECISION.get(column.type, (None, None, None))
        if isinstance(item.definition, CreateTable):
            definition = item.definition.columns[position - 1]
            default = definition.default and definition.default.sql("postgres")
            if column.type is NUMERIC and definition.modifiers:
                precision, scale = (*definition.modifiers, 0)[:2]
                radix = 10
        yield TABLES["columns"].row(
            **named,
            column_name=column.name,
            ordinal_position=position,
            column_default=default,
            is_nullable="YES" if nullable else "NO",
            data_type=_data_type(column.type),
            numeric_precision=precision,
            numeric_precision_radix=radix,
            numeric_scale=scale,
            udt_name=column.type.name,
            is_updatable=is_written,
        )


def _data_type(type_: SqlType) -> str:
    return "ARRAY" if type_.category == "A" else type_.sql_name
