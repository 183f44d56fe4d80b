"""`pg_catalog`: what clients and tools of PostgreSQL read about relations, columns and types.

Every relation has PostgreSQL's columns as far as tools ask for them; where this engine has no
such thing (triggers, policies, ..) the relation is empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.items import DATABASE, SYSTEM_SCHEMAS, Item, Kind
from engine.catalog.system.functions import listed_functions
from engine.catalog.system.mz_catalog import indexed_columns, type_name
from engine.catalog.system.tables import (
    DATABASE_ID,
    OWNER,
    OWNER_ID,
    NamedRow,
    system_tables,
)
from engine.relation import Column
from engine.sql.settings import SETTINGS
from engine.sql.statements import ColumnDefinition, CreateTable
from engine.types import BPCHAR, NUMERIC, SCALARS, TEXT, VARCHAR, SqlType, array_of

_BTREE = 403
_DEFAULT_COLLATION = 100

TABLES = system_tables(
    pg_namespace="oid oid, nspname text, nspowner oid = 10, nspacl text[]",
    pg_class="oid oid, relname text, relnamespace oid, reltype oid = 0, reloftype oid = 0, "
    "relowner oid = 10, relam oid = 0, relfilenode oid = 0, reltablespace oid = 0, "
    "relpages int4 = 0, reltuples float4 = -1, relallvisible int4 = 0, reltoastrelid oid = 0, "
    "relhasindex bool = true, relisshared bool = false, relpersistence text = p, relkind text, "
    "relnatts int2 = 0, relchecks int2 = 0, relhasoids bool = false, relhaspkey bool = false, "
    "relhasrules bool = false, relhastriggers bool = false, relhassubclass bool = false, "
    "relrowsecurity bool = false, relforcerowsecurity bool = false, relispopulated bool = true, "
    "relreplident text = d, relispartition bool = false, relfrozenxid int8 = 0, "
    "relminmxid int8 = 0, relacl text[], reloptions text[], relpartbound text",
    pg_attribute="attrelid oid, attname text, atttypid oid, attstattarget int4 = -1, "
    "attlen int2, attnum int2, attndims int4 = 0, attcacheoff int4 = -1, atttypmod int4 = -1, "
    "attbyval bool = false, attstorage text = x, attalign text = i, attnotnull bool = false, "
    "atthasdef bool = false, atthasmissing bool = false, attidentity text, attgenerated text, "
    "attisdropped bool = false, attislocal bool = true, attinhcount int4 = 0, "
    "attcollation oid = 0, attacl text[], attoptions text[], attfdwoptions text[]",
    pg_attrdef="oid oid, adrelid oid, adnum int2, adbin text, adsrc text",
    pg_type="oid oid, typname text, typnamespace oid, typowner oid = 10, typlen int2, "
    "typbyval bool = false, typtype text = b, typcategory text, typispreferred bool = false, "
    "typisdefined bool = true, typdelim text, typrelid oid = 0, typelem oid = 0, "
    "typarray oid = 0, typinput text, typoutput text, typreceive text, typsend text, "
    "typmodin text, typmodout text, typanalyze text, typalign text = i, typstorage text = x, "
    "typnotnull bool = false, typbasetype oid = 0, typtypmod int4 = -1, typndims int4 = 0, "
    "typcollation oid = 0, typdefaultbin text, typdefault text, typacl text[]",
    pg_index="indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, "
    "indisunique bool = false, indisprimary bool = false, indisexclusion bool = false, "
    "indimmediate bool = true, indisclustered bool = false, indisvalid bool = true, "
    "indcheckxmin bool = false, indisready bool = true, indislive bool = true, "
    "indisreplident bool = false, indnullsnotdistinct bool = false, indkey int2vector, "
    "indcollation oid[], indclass oid[], indoption int2vector, indexprs text, indpred text",
    pg_database="oid oid, datname text, datdba oid = 10, encoding int4 = 6, datcollate text = C, "
    "datctype text = C, datistemplate bool = false, datallowconn bool = true, "
    "datconnlimit int4 = -1, dattablespace oid = 0, datacl text[]",
    pg_roles="oid oid, rolname text, rolsuper bool = true, rolinherit bool = true, "
    "rolcreaterole bool = true, rolcreatedb bool = true, rolcanlogin bool = true, "
    "rolreplication bool = false, rolconnlimit int4 = -1, rolpassword text = ********, "
    "rolvaliduntil timestamptz, rolbypassrls bool = false, rolconfig text[]",
    pg_authid="oid oid, rolname text, rolsuper bool = true, rolinherit bool = true, "
    "rolcreaterole bool = true, rolcreatedb bool = true, rolcanlogin bool = true, "
    "rolreplication bool = false, rolconnlimit int4 = -1, rolpassword text, "
    "rolvaliduntil timestamptz, rolbypassrls bool = false",
    pg_user="usename text, usesysid oid, usecreatedb bool = true, usesuper bool = true, "
    "userepl bool = false, usebypassrls bool = false, passwd text = ********, "
    "valuntil timestamptz, useconfig text[]",
    pg_settings="name text, setting text, unit text, category text = Engine, short_desc text, "
    "extra_desc text, context text = user, vartype text = string, source text = default, "
    "min_val text, max_val text, enumvals text[], boot_val text, reset_val text, "
    "sourcefile text, sourceline int4, pending_restart bool = false",
    pg_views="schemaname text, viewname text, viewowner text = materialize, definition text",
    pg_matviews="schemaname text, matviewname text, matviewowner text, tablespace text, "
    "hasindexes bool, ispopulated bool, definition text",
    pg_tables="schemaname text, tablename text, tableowner text = materialize, tablespace text, "
    "hasindexes bool = true, hasrules bool = false, hastriggers bool = false, "
    "rowsecurity bool = false",
    pg_indexes="schemaname text, tablename text, indexname text, tablespace text, indexdef text",
    pg_am="oid oid, amname text, amhandler text, amtype text",
    pg_collation="oid oid, collname text, collnamespace oid, collowner oid = 10, "
    "collprovider text = c, collisdeterministic bool = true, collencoding int4 = -1, "
    "collcollate text = C, collctype text = C, collversion text",
    pg_proc="oid oid, proname text, pronamespace oid, proowner oid = 10, prolang oid = 12, "
    "procost float4 = 1, prorows float4 = 0, provariadic oid = 0, prokind text = f, "
    "prosecdef bool = false, proleakproof bool = false, proisstrict bool = true, "
    "proretset bool = false, provolatile text = i, proparallel text = s, pronargs int2, "
    "pronargdefaults int2 = 0, prorettype oid, proargtypes oid[], proallargtypes oid[], "
    "proargmodes text[], proargnames text[], proargdefaults text, prosrc text, probin text, "
    "proconfig text[], proacl text[], proisagg bool = false, proiswindow bool = false",
    # There are no such things here.
    pg_description="objoid oid, classoid oid, objsubid int4, description text",
    pg_shdescription="objoid oid, classoid oid, description text",
    pg_constraint="oid oid, conname text, connamespace oid, contype text, condeferrable bool, "
    "condeferred bool, convalidated bool, conrelid oid, contypid oid, conindid oid, "
    "conparentid oid, confrelid oid, confupdtype text, confdeltype text, confmatchtype text, "
    "conislocal bool, coninhcount int4, connoinherit bool, conkey int2[], confkey int2[], "
    "conbin text, consrc text",
    pg_depend="classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, "
    "refobjsubid int4, deptype text",
    pg_enum="oid oid, enumtypid oid, enumsortorder float4, enumlabel text",
    pg_range="rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid",
    pg_inherits="inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
    pg_policy="oid oid, polname text, polrelid oid, polcmd text, polpermissive bool, "
    "polroles oid[], polqual text, polwithcheck text",
    pg_trigger="oid oid, tgrelid oid, tgparentid oid, tgname text, tgfoid oid, tgtype int2, "
    "tgenabled text, tgisinternal bool, tgconstraint oid, tgconstrrelid oid, tgdeferrable bool, "
    "tginitdeferred bool, tgnargs int2, tgattr int2[], tgargs bytea, tgqual text",
    pg_rewrite="oid oid, rulename text, ev_class oid, ev_type text, ev_enabled text, "
    "is_instead bool, ev_qual text, ev_action text",
    pg_extension="oid oid, extname text, extowner oid, extnamespace oid, extrelocatable bool, "
    "extversion text, extconfig oid[], extcondition text[]",
    pg_tablespace="oid oid, spcname text, spcowner oid, spcacl text[], spcoptions text[]",
    pg_auth_members="roleid oid, member oid, grantor oid, admin_option bool",
    pg_sequence="seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, "
    "seqmin int8, seqcache int8, seqcycle bool",
    pg_language="oid oid, lanname text, lanowner oid, lanispl bool, lanpltrusted bool",
    pg_foreign_table="ftrelid oid, ftserver oid, ftoptions text[]",
    pg_foreign_server="oid oid, srvname text, srvowner oid, srvfdw oid, srvoptions text[]",
    pg_partitioned_table="partrelid oid, partstrat text, partnatts int2, partdefid oid",
    pg_publication="oid oid, pubname text, pubowner oid, puballtables bool",
    pg_publication_rel="oid oid, prpubid oid, prrelid oid",
    pg_statistic_ext="oid oid, stxrelid oid, stxname text, stxnamespace oid, stxkeys int2[]",
    pg_opclass="oid oid, opcmethod oid, opcname text, opcnamespace oid, opcintype oid, "
    "opcdefault bool",
    pg_event_trigger="oid oid, evtname text, evtevent text, evtowner oid, evtfoid oid, "
    "evtenabled text, evttags text[]",
    pg_operator="oid oid, oprname text, oprnamespace oid, oprowner oid, oprkind text, "
    "oprleft oid, oprright oid, oprresult oid, oprcode text",
    pg_foreign_data_wrapper="oid oid, fdwname text, fdwowner oid, fdwhandler oid, "
    "fdwvalidator oid, fdwacl text[], fdwoptions text[]",
    pg_user_mapping="oid oid, umuser oid, umserver oid, umoptions text[]",
    pg_default_acl="oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype text, "
    "defaclacl text[]",
    pg_db_role_setting="setdatabase oid, setrole oid, setconfig text[]",
    pg_aggregate="aggfnoid oid, aggkind text, aggnumdirectargs int2",
    pg_conversion="oid oid, conname text, connamespace oid, conforencoding int4",
    pg_ts_config="oid oid, cfgname text, cfgnamespace oid, cfgowner oid, cfgparser oid",
    pg_ts_dict="oid oid, dictname text, dictnamespace oid, dictowner oid, dicttemplate oid",
    pg_cast="oid oid, castsource oid, casttarget oid, castfunc oid, castcontext text, "
    "castmethod text",
)


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
