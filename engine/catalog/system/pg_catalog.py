"""`pg_catalog`: the rows of PostgreSQL's relations about relations, columns and types."""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.items import DATABASE, SYSTEM_SCHEMAS, Item, Kind
from engine.catalog.system.functions import listed_functions
from engine.catalog.system.mz_catalog import indexed_columns, type_name
from engine.catalog.system.pg_tables import TABLES
from engine.catalog.system.tables import DATABASE_ID, OWNER, OWNER_ID, NamedRow
from engine.relation import Column
from engine.sql.settings import SETTINGS
from engine.sql.statements import ColumnDefinition, CreateTable
from engine.types import BPCHAR, NUMERIC, SCALARS, TEXT, VARCHAR, SqlType, array_of

_BTREE = 403
_DEFAULT_COLLATION = 100


def fixed_rows() -> Iterator[NamedRow]:
    """The rows that are always there."""
    pg_catalog = SYSTEM_SCHEMAS["pg_catalog"]
    for name, number in SYSTEM_SCHEMAS.items():
        yield TABLES["pg_namespace"].row(oid=number, nspname=name)
    yield TABLES["pg_database"].row(oid=DATABASE_ID, datname=DATABASE)
    for roles in ("pg_roles", "pg_authid"):
        yield TABLES[roles].row(oid=OWNER_ID, rolname=OWNER)
    yield TABLES["pg_user"].row(usename=OWNER, usesysid=OWNER_ID)
    yield TABLES["pg_am"].row(oid=_BTREE, amname="btree", amhandler="bthandler", amtype="i")
    yield TABLES["pg_collation"].row(
        oid=_DEFAULT_COLLATION, collname="default", collnamespace=pg_catalog
    )
    for setting in SETTINGS.values():
        yield TABLES["pg_settings"].row(
            name=setting.name,
            setting=setting.default,
            boot_val=setting.default,
            reset_val=setting.default,
            context="internal" if setting.fixed else "user",
        )
    for type_ in SCALARS:
        array = array_of(type_)
        yield _type_row(type_, typarray=array.oid)
        yield _type_row(array, typelem=type_.oid)
    for function in listed_functions():
        yield TABLES["pg_proc"].row(
            oid=function.oid,
            proname=function.name,
            pronamespace=pg_catalog,
            provariadic=function.arguments[-1].oid if function.variadic else 0,
            pronargs=len(function.arguments),
            prorettype=function.returns.oid,
            proargtypes=tuple(argument.oid for argument in function.arguments),
            proretset=function.returns_set,
            prosrc=function.name,
        )


def _type_row(type_: SqlType, typelem: int = 0, typarray: int = 0) -> NamedRow:
    prefix = "array_" if typelem else type_name(type_)
    return TABLES["pg_type"].row(
        oid=type_.oid,
        typname=type_name(type_),
        typnamespace=SYSTEM_SCHEMAS["pg_catalog"],
        typlen=type_.size,
        typbyval=0 < type_.size <= 8,
        typcategory=type_.category,
        typdelim=",",
        typelem=typelem,
        typarray=typarray,
        typinput=f"{prefix}in",
        typoutput=f"{prefix}out",
        typreceive=f"{prefix}recv",
        typsend=f"{prefix}send",
    )


def item_rows(item: Item, schema_id: int, relation: Item | None) -> Iterator[NamedRow]:
    """The rows about one item; `relation` is what an index is on."""
    if item.kind is Kind.SCHEMA:
        yield TABLES["pg_namespace"].row(oid=item.oid, nspname=item.name)
        return
    named = {"oid": item.oid, "relname": item.name, "relnamespace": schema_id}
    if relation is not None:
        keys = indexed_columns(item, relation)
        yield TABLES["pg_class"].row(
            **named, relkind="i", relam=_BTREE, relhasindex=False, relnatts=len(keys)
        )
        yield from _index_rows(item, relation)
        return
    kind = "v" if item.kind is Kind.VIEW else "r"
    yield TABLES["pg_class"].row(**named, relkind=kind, relnatts=len(item.columns))
    sql = "" if item.definition is None else item.definition.sql
    if item.kind is Kind.VIEW:
        yield TABLES["pg_views"].row(schemaname=item.schema, viewname=item.name, definition=sql)
    else:
        yield TABLES["pg_tables"].row(schemaname=item.schema, tablename=item.name)
    yield from _column_rows(item)


def _index_rows(item: Item, relation: Item) -> Iterator[NamedRow]:
    keys = indexed_columns(item, relation)
    width = len(keys)
    yield TABLES["pg_index"].row(
        indexrelid=item.oid,
        indrelid=relation.oid,
        indnatts=width,
        indnkeyatts=width,
        indkey=tuple(number or 0 for number, _ in keys),
        indcollation=(0,) * width,
        indclass=(0,) * width,
        indoption=(0,) * width,
        indexprs=", ".join(text for number, text in keys if number is None) or None,
    )
    for position, (number, text) in enumerate(keys, 1):
        type_ = relation.columns[number - 1].type if number else TEXT
        yield TABLES["pg_attribute"].row(
            attrelid=item.oid,
            attname=relation.columns[number - 1].name if number else text,
            atttypid=type_.oid,
            attlen=type_.size,
            attnum=position,
            attidentity="",
            attgenerated="",
        )
    assert item.definition is not None
    yield TABLES["pg_indexes"].row(
        schemaname=item.schema,
        tablename=relation.name,
        indexname=item.name,
        indexdef=item.definition.sql,
    )


def _column_rows(item: Item) -> Iterator[NamedRow]:
    definitions: tuple[ColumnDefinition, ...] = ()
    if isinstance(item.definition, CreateTable):
        definitions = item.definition.columns
    for position, column, nullable in item.numbered_columns():
        definition = definitions[position - 1] if definitions else None
        default = None if definition is None else definition.default
        yield TABLES["pg_attribute"].row(
            attrelid=item.oid,
            attname=column.name,
            atttypid=column.type.oid,
            attlen=column.type.size,
            attnum=position,
            attndims=1 if column.type.category == "A" else 0,
            atttypmod=type_modifier(column, definition),
            attnotnull=not nullable,
            atthasdef=default is not None,
            attidentity="",
            attgenerated="",
        )
        if default is not None:
            text = default.sql("postgres")
            yield TABLES["pg_attrdef"].row(
                oid=item.oid * 2000 + position,
                adrelid=item.oid,
                adnum=position,
                adbin=text,
                adsrc=text,
            )


def type_modifier(column: Column, definition: ColumnDefinition | None) -> int:
    """`atttypmod`: the numbers behind the name of a type in one number, -1 for none."""
    numbers = () if definition is None else definition.modifiers
    if not numbers:
        return -1
    if column.type is NUMERIC:
        precision, scale = (*numbers, 0)[:2]
        return (precision << 16 | scale) + 4
    return numbers[0] + 4 if column.type in (VARCHAR, BPCHAR) else numbers[0]
