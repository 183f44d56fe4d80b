"""From sqlglot's trees to typed expressions.

`translation/` has a function for each kind of tree; operators and functions are looked up by name
in the registry, so what SQL can call is defined in `functions/` alone.
"""

from __future__ import annotations

from sqlglot import exp

from engine.code import room_for_nesting
from engine.scalar.casts import cast
from engine.scalar.coercion import Scope, infer
from engine.scalar.scalar import Scalar
from engine.scalar.translation import Translator
from engine.types import TEXT, UNKNOWN


def compile_scalar(tree: exp.Expr, scope: Scope, *, keep_unknown: bool = False) -> Scalar:
    """Give the expression its type and functions.

    A quoted literal or NULL whose type cannot be inferred becomes text, or stays unknown with
    `keep_unknown`, for a caller that will `coerce` it (the branches of a UNION, VALUES).
    Raises SqlError for unknown columns, functions, types, and operands that do not fit.
    """
    with room_for_nesting():
        node = Translator(scope).node(tree)
        if node.type is UNKNOWN and not keep_unknown:
            node = cast(node, TEXT)
        infer(node, scope)
    return Scalar(node)
