"""INSERT, UPDATE and DELETE: parsed by sqlglot, checked to be no more than the engine does."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import not_supported
from engine.sql import statements as s
from engine.sql.queries import parse_tree
from engine.sql.tokens import TokenStream


def parse_insert(tokens: TokenStream) -> s.Insert:
    tokens.expect_words("INSERT", "INTO")
    table = tokens.name()
    columns = () if _is_query(tokens) else tokens.identifiers()
    if tokens.at_words("DEFAULT"):
        raise not_supported("INSERT .. DEFAULT VALUES")
    tree = parse_tree(tokens.rest(), tokens.sql, "VALUES or a query", exp.Query)
    return s.Insert(table, columns, tree)


def _is_query(tokens: TokenStream) -> bool:
    """Whether the parenthesis that comes next holds a query, not names of columns."""
    second = tokens.peek(1)
    return second is not None and second.text.upper() in ("SELECT", "VALUES", "WITH", "(")


def parse_update(tokens: TokenStream) -> s.Update:
    sql = tokens.sql
    tree = parse_tree(tokens.rest(), sql, "an UPDATE", exp.Update)
    _refuse_extras(tree, "UPDATE", {"this", "expressions", "where"})
    assignments = []
    for assignment in tree.expressions:
        if not isinstance(assignment, exp.EQ) or not isinstance(assignment.this, exp.Column):
            raise not_supported("an assignment other than column = expression")
        assignments.append((fold(assignment.this.this), assignment.expression))
    table = tree.this
    return s.Update(_name(table), _alias(table), tuple(assignments), _where(tree))


def parse_delete(tokens: TokenStream) -> s.Delete:
    sql = tokens.sql
    tree = parse_tree(tokens.rest(), sql, "a DELETE", exp.Delete)
    _refuse_extras(tree, "DELETE", {"this", "where"})
    return s.Delete(_name(tree.this), _alias(tree.this), _where(tree))


def _refuse_extras(tree: exp.Expr, statement: str, supported: set[str]) -> None:
    for part, value in tree.args.items():
        if value and part not in supported:
            raise not_supported(f"{statement} with {part.upper().rstrip('_')}")


def _where(tree: exp.Expr) -> exp.Expr | None:
    where = tree.args.get("where")
    return where.this if isinstance(where, exp.Where) else None


def _name(table: exp.Expr) -> s.Name:
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        raise not_supported("a change of what is not a table by its name")
    return tuple(fold(part) for part in table.parts)


def _alias(table: exp.Expr) -> str | None:
    alias = table.args.get("alias")
    return fold(alias.this) if isinstance(alias, exp.TableAlias) and alias.this else None


def fold(identifier: exp.Expr) -> str:
    """The name of an identifier: in lower case unless it is quoted."""
    quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
    return identifier.name if quoted else identifier.name.lower()
