"""Scalar expressions: typed from sqlglot's trees, and compiled to Python functions over rows.

    tree --compile_scalar--> Scalar --compile_rows / compile_batch--> a Python function

`translation/` gives every expression a type and chooses the functions that it calls, which are in
`functions/`; `emitter.py` writes the Python. A `Scalar` is a value: it can be stored, compared,
moved to other columns, and compiled together with others, sharing common subexpressions.
"""

from engine.scalar.batch import compile_batch
from engine.scalar.codegen import compile_rows, compile_value
from engine.scalar.coercion import Scope, coerce, common_type
from engine.scalar.compiler import compile_scalar
from engine.scalar.environment import Environment, Evaluation, Transaction
from engine.scalar.scalar import Scalar

__all__ = [
    "Environment",
    "Evaluation",
    "Scalar",
    "Scope",
    "Transaction",
    "coerce",
    "common_type",
    "compile_batch",
    "compile_rows",
    "compile_scalar",
    "compile_value",
]
