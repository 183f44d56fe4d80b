"""From typed expressions to Python functions over many rows at once.

A function is compiled in up to two forms, each when it is first needed. One goes through a Z-set
row by row. The other goes through the new rows of a source by column: it makes no rows that nobody
reads, and takes JSON from structs that all functions over the source share.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from engine.code import define, room_for_nesting, row_of
from engine.errors import SqlError
from engine.scalar.codegen import (
    emit_row,
    emit_values,
    prepared,
    roots,
    row_function,
    value_function,
)
from engine.scalar.documents import FAST_ERRORS, Decoder, SharedDocument, SharedDocuments
from engine.scalar.emitter import Emitter
from engine.scalar.environment import Evaluation
from engine.scalar.nodes import Column, Node
from engine.scalar.scalar import Scalar
from engine.zset import Appended, Bag, Row, ZSet

Result: TypeAlias = tuple[ZSet | Bag, dict[str, int]]

EVALUATION_ERRORS = (SqlError, ArithmeticError, ValueError, TypeError, LookupError)
"""Errors of evaluating a row: SqlError, or one that a function here does not translate.

The latter must not end a view either: it is counted among the view's errors, and is a bug.
"""
_FAILED = (*EVALUATION_ERRORS, *FAST_ERRORS)


def compile_batch(
    scalars: Sequence[Scalar],
    filter: Scalar | None = None,
    evaluation: Evaluation | None = None,
    origin: Hashable = None,
) -> BatchFunction:
    """A function from a change to (the change of the scalars' rows, errors: text -> weight).

    Rows for which `filter` is not true are left out, rows whose evaluation fails are counted in
    the errors with their weight. `origin` names
    the input that the rows are of, if they are an input's own: with other functions over the same
    input, of the same environment, the decoding of its JSON is then shared.
    """
    with room_for_nesting():
        nodes, condition = prepared(scalars, filter, evaluation)
    shared = SharedDocuments() if evaluation is None else evaluation.environment.documents
    return BatchFunction(nodes, condition, shared, origin)


class BatchFunction:
    """Computes the rows of a batch, in the form that fits it."""

    def __init__(
        self,
        nodes: Sequence[Node],
        condition: Node | None,
        shared: SharedDocuments,
        origin: Hashable,
    ) -> None:
        self._nodes = nodes
        self._condition = condition
        self._shared = shared
        self._origin = origin
        self._can_fail = any(node.can_fail for node in roots(nodes, condition))

    def prepare(self) -> None:
        """Compile the code now, and not when the first rows come: a large one takes long."""
        self._by_row  # noqa: B018 -- computed by being read

    def __call__(self, rows: Mapping[Row, int]) -> Result:
        if not rows:
            return {}, {}
        if isinstance(rows, Appended) and self._by_column is not None:
            try:
                return self._by_column(rows)
            except _FAILED:
                pass  # evaluated row by row, the row that fails gets its own error
        return self._by_row(rows)

    @cached_property
    def _by_row(self) -> Callable[[Mapping[Row, int]], Result]:
        with room_for_nesting():
            emitter = Emitter(roots(self._nodes, self._condition), value_function)
            emit_row(emitter, self._nodes, self._condition, "continue", "k = {}")
            names = {**emitter.names, "consolidated": _consolidated}
            body = emitter.lines
            if self._can_fail:
                body = _guarded(body)
                names |= {
                    "FAILED": _FAILED,
                    "EVALUATION_ERRORS": EVALUATION_ERRORS,
                    "error_text": error_text,
                    "slowly": row_function(self._nodes, self._condition),
                }
            source = [
                "def batch(rows):",
                "    out = {}",
                "    errors = {}",
                "    get = out.get",
                "    for r, w in rows.items():",
                *("        " + line for line in body),
                "        out[k] = get(k, 0) + w",
                "    return consolidated(out), consolidated(errors)",
            ]
            return define("batch", source, names)  # type: ignore[no-any-return]

    @cached_property
    def _by_column(self) -> Callable[[Appended], Result] | None:
        """The form for new rows; it raises whatever a row raises. None if there is no such form."""
        emitter = _ColumnEmitter(self._nodes, self._condition, self._shared, self._origin)
        try:
            with room_for_nesting():
                values = emit_values(emitter, self._nodes, self._condition, "continue")
        except _TooDeepError:
            return None
        is_column = len(values) == 1 and not emitter.is_constant
        emitter.line(f"append({values[0] if is_column else row_of(values)})")
        result = f"Bag(out, is_column={is_column})"
        if emitter.is_constant:
            result = "dict.fromkeys(out, len(rows))"
        source = [
            "def batch(rows):",
            "    out = []",
            "    append = out.append",
            f"    {emitter.loop}",
            *("        " + line for line in emitter.lines),
            f"    return {result}, {{}}",
        ]
        return define("batch", source, emitter.names | {"Bag": Bag})  # type: ignore[no-any-return]


class _TooDeepError(Exception):
    """A part would have to be a function of a row, which there is not."""


class _ColumnEmitter(Emitter):
    """Statements over a variable for each column that is read, and for each shared document."""

    def __init__(
        self,
        nodes: Sequence[Node],
        condition: Node | None,
        shared: SharedDocuments,
        origin: Hashable,
    ) -> None:
        self._shared = shared
        self._origin = origin
        self._columns: dict[Node, SharedDocument] = {}
        self._inputs: dict[str, str] = {}
        computed = roots(nodes, condition)
        self._is_volatile = any(node.is_volatile for node in computed)
        super().__init__(computed, _no_function)

    @property
    def is_constant(self) -> bool:
        """Whether all rows are equal, given all statements of the body."""
        return not self._inputs and not self._is_volatile

    @property
    def loop(self) -> str:
        """The statement that goes through what is read, given all statements of the body."""
        if self.is_constant:
            return "for _ in (None,):"
        if not self._inputs:
            return "for _ in rows.columns[0]:"
        variables, sources = ", ".join(self._inputs), ", ".join(self._inputs.values())
        return f"for {variables} in {sources if len(self._inputs) == 1 else f'zip({sources})'}:"

    def make_decoders(self) -> dict[Node, Decoder]:
        decoders = super().make_decoders()
        for document, trie in self.documents.items():
            text = document.children[0]
            if isinstance(text, Column):
                column = self._shared.column(self._origin, text.index, trie)
                self._columns[document] = column
                decoders[document] = column.decoder
        return decoders

    def column(self, index: int) -> str:
        self._inputs[f"c{index}"] = f"rows.columns[{index}]"
        return f"c{index}"

    def document(self, document: Node, decoder: Decoder) -> str:
        column = self._columns.get(document)
        if column is None:
            return super().document(document, decoder)
        variable = f"d{len(self._inputs)}"
        self._inputs[variable] = f"{self.name('structs', column.structs)}(rows)"
        return variable

    def too_deep(self, node: Node) -> str:
        raise _TooDeepError


def _no_function(node: Node) -> Any:
    raise _TooDeepError


def _guarded(lines: list[str]) -> list[str]:
    """The row's statements, and what happens when they fail.

    The fast decoders' errors are not the last word: the row is evaluated again by the careful
    function, which gives its value, or the error in SQL's words.
    """
    return [
        "try:",
        *("    " + line for line in lines),
        "except FAILED:",
        "    try:",
        "        k = slowly(r)",
        "    except EVALUATION_ERRORS as error:",
        "        text = error_text(error)",
        "        errors[text] = errors.get(text, 0) + w",
        "        continue",
        "    if k is None: continue",
    ]


def error_text(error: Exception) -> str:
    """The text under which an error is counted: its message, or that of an internal error."""
    if isinstance(error, SqlError):
        return error.message
    return f"internal error: {type(error).__name__}: {error}"


def _consolidated(weights: dict[Any, int]) -> dict[Any, int]:
    """The same without zero weights."""
    if 0 in weights.values():
        return {key: weight for key, weight in weights.items() if weight}
    return weights
