"""PostgreSQL's functions about its catalog, replaced by expressions over system relations.

They are no scalar functions here: what they return depends on the catalog, and a query over system
relations follows its changes. `format_type` and others that depend on their arguments alone are in
`engine.scalar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlglot import exp

from engine.sql.dialect import tokenize
from engine.sql.trees import parse_query

SETTING = "a setting's default"
"""The expression for `current_setting(..)` whose name is not known when it is planned."""
_NO_TEXT = "NULL::text"
_VISIBLE = "('public', 'pg_catalog')"
"""Not `mz_catalog`, though it is searched too: tools would list its relations as the user's."""


def _look_up(value: str, relation: str, key: str = "oid", given: str = "$1") -> str:
    """A subquery for `value`; its names cannot hide those of the argument."""
    return (
        f"(SELECT mz_value FROM (SELECT {key} AS mz_key, {value} AS mz_value FROM {relation})"  # noqa: S608 -- constants of this file
        f" AS mz_look_up WHERE mz_key = {given})"
    )


_CLASSES = "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
_SHOWN = (
    f"CASE WHEN n.nspname IN {_VISIBLE} THEN '' ELSE quote_ident(n.nspname) || '.' END "
    "|| quote_ident(c.relname)"
)

_TEMPLATES: dict[str, str] = {
    "pg_table_is_visible": _look_up(f"n.nspname IN {_VISIBLE}", _CLASSES, "c.oid"),
    **dict.fromkeys(
        (
            *("pg_type_is_visible", "pg_function_is_visible", "pg_operator_is_visible"),
            *("pg_collation_is_visible", "pg_conversion_is_visible", "pg_opclass_is_visible"),
            *("pg_ts_config_is_visible", "pg_ts_dict_is_visible", "pg_statistics_obj_is_visible"),
        ),
        "($1 IS NOT NULL)",
    ),
    "pg_get_userbyid": "CASE WHEN $1 IS NOT NULL THEN 'materialize' END",
    "pg_get_viewdef": _look_up("definition", "mz_catalog.mz_views"),
    "pg_get_indexdef": _look_up(
        "x.indexdef",
        f"{_CLASSES} JOIN pg_catalog.pg_indexes x ON x.schemaname = n.nspname "
        "AND x.indexname = c.relname",
        "c.oid",
    ),
    "pg_get_indexdef 3": "CASE WHEN $2 = 0 THEN pg_get_indexdef($1) ELSE "
    "(SELECT mz_value FROM (SELECT attrelid AS mz_key, attnum AS mz_position, "
    "attname AS mz_value FROM pg_catalog.pg_attribute) AS mz_look_up "
    "WHERE mz_key = $1 AND mz_position = $2) END",
    "pg_get_function_result": _look_up("format_type(prorettype, -1)", "pg_catalog.pg_proc"),
    **dict.fromkeys(
        ("pg_get_function_arguments", "pg_get_function_identity_arguments"),
        _look_up("array_to_string(proargtypes::regtype[], ', ')", "pg_catalog.pg_proc"),
    ),
    "pg_get_expr": "$1",
    **dict.fromkeys(
        (
            *("obj_description", "shobj_description", "col_description"),
            *("pg_get_constraintdef", "pg_get_triggerdef", "pg_get_ruledef"),
            *("pg_get_serial_sequence", "pg_get_functiondef"),
            *("pg_get_partkeydef", "pg_get_partition_constraintdef"),
            *("pg_get_statisticsobjdef_columns", "pg_tablespace_location"),
            *("inet_client_addr", "inet_server_addr"),
        ),
        _NO_TEXT,
    ),
    **dict.fromkeys(
        (
            *("has_table_privilege", "has_schema_privilege", "has_database_privilege"),
            *("has_column_privilege", "has_any_column_privilege", "has_function_privilege"),
            *("has_sequence_privilege", "has_type_privilege", "pg_has_role"),
        ),
        "true",
    ),
    "to_regclass": _look_up("c.oid", f"{_CLASSES} AND n.nspname IN {_VISIBLE}", "c.relname"),
    "pg_char_to_encoding": "CASE WHEN upper($1) = 'UTF8' THEN 6 ELSE -1 END",
    "pg_encoding_to_char": "CASE WHEN $1 = 6 THEN 'UTF8' END",
    "pg_is_in_recovery": "false",
    "pg_is_other_temp_schema": "false",
    "pg_my_temp_schema": "0::oid",
    **dict.fromkeys(
        (
            *("pg_table_size", "pg_relation_size", "pg_total_relation_size", "pg_indexes_size"),
            *("pg_database_size", "pg_tablespace_size"),
        ),
        "NULL::int8",
    ),
    **dict.fromkeys(("inet_client_port", "inet_server_port"), "NULL::int4"),
    "pg_size_pretty": "$1::text || ' bytes'",
    "getdatabaseencoding": "'UTF8'",
    "current_schemas": "CASE WHEN $1 THEN ARRAY['mz_catalog', 'pg_catalog', 'public'] "
    "ELSE ARRAY['public'] END",
    SETTING: _look_up("setting", "pg_catalog.pg_settings", "lower(name)", "lower($1)"),
    "regexp_split_to_table": "unnest(regexp_split_to_array($1, $2))",
    "generate_subscripts": "generate_series(array_lower($1, $2), array_upper($1, $2))",
    # The names of what has an oid, for casts such as oid::regclass::text.
    "regclass name": _look_up(_SHOWN, _CLASSES, "c.oid"),
    "regclass oid": _look_up("c.oid", f"{_CLASSES} AND n.nspname IN {_VISIBLE}", "c.relname"),
    "regnamespace name": _look_up("nspname", "pg_catalog.pg_namespace"),
    "regnamespace oid": _look_up("oid", "pg_catalog.pg_namespace", "nspname"),
    "regrole name": "CASE WHEN $1 = 10 THEN 'materialize' END",
    "regrole oid": "CASE WHEN $1 = 'materialize' THEN 10::oid END",
}


@cache
def _template(name: str) -> exp.Expr:
    sql = f"SELECT {_TEMPLATES[name]}"
    tree = parse_query(tokenize(sql), sql)
    return tree.selects[0].unalias()


def is_catalog_function(name: str) -> bool:
    return name in _TEMPLATES


def catalog_expression(name: str, arguments: Sequence[exp.Expr]) -> exp.Expr:
    """The expression for a call of a catalog function; arguments that are not used are dropped."""
    by_count = f"{name} {len(arguments)}"
    if by_count in _TEMPLATES:
        name = by_count

    def fill(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and is_catalog_function(str(node.this)):
            return catalog_expression(str(node.this), [arguments[0]])
        if isinstance(node, exp.Parameter):
            number = int(node.name)
            return arguments[number - 1].copy() if number <= len(arguments) else exp.Null()
        return node

    filled = _template(name).copy().transform(fill)
    return exp.paren(filled) if isinstance(filled, exp.Binary) else filled
