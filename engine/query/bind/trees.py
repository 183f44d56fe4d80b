"""Helpers over sqlglot's trees: their parts, refusals of unknown parts, forms of subqueries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from sqlglot import exp

from engine.errors import SqlError, not_supported

_CLAUSES = {
    "windows": "WINDOW",
    "qualify": "QUALIFY",
    "sample": "TABLESAMPLE",
    "locks": "FOR UPDATE or FOR SHARE",
    "into": "SELECT INTO",
    "laterals": "LATERAL VIEW",
    "pivots": "PIVOT",
    "by_name": "a set operation BY NAME",
    "side": "a set operation with a side",
    "when": "AT or BEFORE",
}


def only(node: exp.Expr, known: Collection[str]) -> None:
    """Raise SqlError if the node has an argument that is not known: no clause is ignored."""
    for name, value in node.args.items():
        if name not in known and value not in (None, False, []):
            what = _CLAUSES.get(name) or f"{name.strip('_').replace('_', ' ').upper()}"
            raise not_supported(what)


def present(node: exp.Expr, name: str) -> exp.Expr | None:
    """An argument of the node, or None."""
    value = node.args.get(name)
    return value if isinstance(value, exp.Expr) else None


def refuse(node: exp.Expr) -> SqlError:
    """The error for a kind of query or table expression that is not supported."""
    return not_supported(type(node).__name__.upper())


def rebuilt(tree: exp.Expr, change: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """A copy of the node with every child changed."""
    arguments = {
        name: _changed(value, change) for name, value in tree.args.items() if value is not None
    }
    return type(tree)(**arguments)


def _changed(value: object, change: Callable[[exp.Expr], exp.Expr]) -> object:
    if isinstance(value, exp.Expr):
        return change(value)
    if isinstance(value, list):
        return [change(item) if isinstance(item, exp.Expr) else item for item in value]
    return value


def outermost(tree: exp.Expr, wanted: Callable[[exp.Expr], bool]) -> Iterator[exp.Expr]:
    """The wanted nodes, in order, without those inside others or subqueries."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if wanted(node):
            yield node
        elif isinstance(node, exp.Window):
            # The call itself is no aggregate, but its arguments may be.
            call, accepts = node.this, []
            if isinstance(call, exp.Filter):
                call, accepts = call.this, [call.expression]
            parts = [*call.iter_expressions(), *accepts, *(node.args.get("partition_by") or [])]
            waiting += reversed([*parts, *filter(None, [node.args.get("order")])])
        elif not isinstance(node, exp.Query):
            waiting += reversed(list(node.iter_expressions()))


def operands(tree: exp.And | exp.Or) -> list[exp.Expr]:
    """The operands of a chain of AND, or of OR, from left to right."""
    kind = type(tree)
    found: list[exp.Expr] = []
    waiting: list[exp.Expr] = [tree]
    while waiting:
        node = unwrapped(waiting.pop())
        if type(node) is kind:
            waiting += (node.expression, node.this)
        else:
            found.append(node)
    return found


def chained(kind: type[exp.And | exp.Or], trees: Sequence[exp.Expr]) -> exp.Expr:
    """The trees joined by AND or OR, as a tree that is no deeper than needed."""
    if len(trees) == 1:
        return trees[0]
    middle = len(trees) // 2
    return kind(this=chained(kind, trees[:middle]), expression=chained(kind, trees[middle:]))


def has_subquery(tree: exp.Expr) -> bool:
    return tree.find(exp.Query, exp.Values) is not None


def unwrapped(tree: exp.Expr) -> exp.Expr:
    """The tree without parentheses around it."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree


def query_of(tree: exp.Expr | None) -> exp.Expr | None:
    """The query that the tree is, in parentheses or not; None if it is something else."""
    if tree is not None:
        tree = unwrapped(tree)
    while isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Subquery):
        tree = tree.this
    return tree if isinstance(tree, exp.Query | exp.Subquery | exp.Values) else None


def membership(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr, bool] | None:
    """(left side, query, whether negated) if the tree is IN, = ANY or <> ALL of a subquery."""
    tree = unwrapped(tree)
    if isinstance(tree, exp.Not):
        inner = membership(tree.this)
        return None if inner is None else (inner[0], inner[1], not inner[2])
    if isinstance(tree, exp.In):
        listed = tree.expressions
        values = listed[0] if len(listed) == 1 and isinstance(listed[0], exp.Values) else None
        query = query_of(values or tree.args.get("query"))
        return None if query is None else (tree.this, query, False)
    for comparison, quantifier, negated in ((exp.EQ, exp.Any, False), (exp.NEQ, exp.All, True)):
        if isinstance(tree, comparison) and isinstance(tree.expression, quantifier):
            query = query_of(tree.expression.this)
            if query is not None:
                return tree.this, query, negated
    return None
