"""Names in casts such as `'t'::regclass`, replaced by oids from the catalog."""

from __future__ import annotations

from typing import TypeVar, cast

from sqlglot import exp

from engine.catalog.catalog import Catalog
from engine.catalog.system.tables import OWNER, OWNER_ID
from engine.errors import SqlError
from engine.sql.dialect import tokenize
from engine.sql.queries import OID_ALIAS
from engine.sql.tokens import TokenStream

T = TypeVar("T", bound=exp.Expr)


def with_oids(tree: T, catalog: Catalog) -> T:
    """The tree with an oid for each literal name; raises SqlError for a name that is unknown."""
    casts = [node for node in tree.find_all(exp.Cast) if _names_something(node)]
    if not casts:
        return tree

    def resolve(node: exp.Expr) -> exp.Expr:
        if not _names_something(node):
            return node
        oid = _oid(node.args[OID_ALIAS], node.this.name, catalog)
        return exp.Cast(this=exp.Literal.number(oid), to=node.args["to"].copy())

    return cast(T, tree.copy().transform(resolve))


def _names_something(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and bool(node.args.get(OID_ALIAS)) and node.this.is_string


def _oid(kind: str, text: str, catalog: Catalog) -> int:
    if text.isdecimal():
        return int(text)
    name = TokenStream(tokenize(text), text).name()
    if kind == "regrole":
        if name == (OWNER,):
            return OWNER_ID
        raise SqlError(f'role "{text}" does not exist', "42704")
    if kind == "regnamespace":
        if catalog.has_schema(name[-1]):
            return catalog.schema_id(name[-1])
        raise SqlError(f'schema "{text}" does not exist', "3F000")
    found = catalog.find(name)
    if found is None:
        raise SqlError(f'relation "{text}" does not exist', "42P01")
    return found.oid
