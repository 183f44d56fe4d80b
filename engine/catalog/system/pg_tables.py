"""`pg_catalog`: its relations and their columns, as far as clients and tools read them.

Where this engine has no such thing (triggers, policies, ..) the relation is always empty.
"""

from __future__ import annotations

from engine.catalog.system.tables import system_tables

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
