"""Writes the Python statements that compute typed expressions of a row.

Every distinct expression is computed once, into a local variable, where it is first needed; what is
computed inside a branch (of CASE, AND, COALESCE) is known only there, so nothing is evaluated
that SQL would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.errors import SqlError
from engine.scalar import json_access
from engine.scalar.documents import MISSING, Decoder, path_of, plan
from engine.scalar.nodes import (
    Call,
    Case,
    Coalesce,
    Column,
    Constant,
    IsNull,
    JsonGet,
    Logic,
    Node,
)
from engine.scalar.registry import VARYING
from engine.scalar.writer import Writer

_DEEPEST = 40
"""Levels of indentation after which a part becomes a function of its own; Python allows 100."""

_CHAIN = 16
"""Branches, or operands of AND, OR and COALESCE, that are nested in one another."""

UNDECIDED = object()
"""The value of a CASE before the condition of a branch is true."""

_NAMES = {"MISSING": MISSING, "UNDECIDED": UNDECIDED, **json_access.NAMES}


class Emitter(Writer):
    """Statements over the row variable `r`.

    `slow_names` replaces those global names that may refuse what is right, and do not say in SQL's
    words what is wrong (the fast JSON decoders). `make_function` compiles an expression by itself,
    for parts that are nested too deeply.
    """

    def __init__(self, roots: Sequence[Node], make_function: Callable[[Node], Any]) -> None:
        super().__init__(_NAMES)
        self.slow_names: dict[str, Any] = {}
        self.documents = plan(roots)
        self.decoders = self.make_decoders()
        self._make_function = make_function

    def make_decoders(self) -> dict[Node, Decoder]:
        """The decoder of each document of which only fields are taken."""
        return {document: Decoder(trie) for document, trie in self.documents.items()}

    def column(self, index: int) -> str:
        """Emit the access to a column of the row; return its variable."""
        return self.assign(f"r[{index}]")

    def document(self, document: Node, decoder: Decoder) -> str:
        """Emit the decoding of a whole document; return the variable of the struct."""
        text = self.value(document.children[0])
        decode = self.name("decode", decoder.checked)
        self.slow_names[decode] = decoder.slow
        test = f"None if {text} is None else " if _is_nullable_document(document) else ""
        return self.assign(f"{test}{decode}({text})")

    def too_deep(self, node: Node) -> str:
        """Emit the call of a separate function for the node; return the variable of its result."""
        function = self.name("part", self._make_function(node))
        return self.assign(f"{function}(r)")

    def value(self, node: Node) -> str:
        """Emit the computation of `node`; return its variable or literal."""
        if isinstance(node, Constant):
            return self._constant(node.value)
        if node.is_volatile:
            return self._compute(node)
        return self.once(node, self._compute)

    def skip_unless(self, condition: Node, statement: str) -> None:
        """Emit `statement` (continue, return ..) for rows for which `condition` is not true."""
        operands = (
            condition.operands
            if isinstance(condition, Logic) and condition.is_and
            else (condition,)
        )
        for operand in _safe_first(operands):
            self.line(f"if not {self.value(operand)}: {statement}")

    def _constant(self, value: Any) -> str:
        if value is None or value.__class__ in (bool, str):
            return repr(value)
        if value.__class__ is int:
            return repr(value) if value >= 0 else f"({value})"
        return self.name("k", value)

    def _compute(self, node: Node) -> str:
        if self.depth > _DEEPEST:
            return self.too_deep(node)
        match node:
            case Column():
                return self.column(node.index)
            case Call():
                return self._call(node)
            case Logic():
                return self._logic(node)
            case IsNull():
                return self.assign(f"{self.value(node.operand)} is None")
            case Case():
                return self._case(node)
            case Coalesce():
                return self._coalesce(node)
            case JsonGet():
                return self._json(node)
        raise AssertionError(f"no code for {node}")

    def _call(self, node: Call) -> str:
        function = node.function
        reader = json_access.READERS.get(function.name)
        if reader is not None and isinstance(argument := node.arguments[0], JsonGet):
            return self.assign(reader.format(self._raw(argument)))
        if function.strict and any(_is_null(argument) for argument in node.arguments):
            return "None"
        atoms = [self.value(argument) for argument in node.arguments]
        if function.template == "{0}":
            return atoms[0]
        expression = self._invoke(node, atoms)
        if function.strict:
            pairs = zip(node.arguments, atoms, strict=True)
            maybe_null = dict.fromkeys(atom for argument, atom in pairs if argument.nullable)
            if maybe_null:
                test = " or ".join(f"{atom} is None" for atom in maybe_null)
                expression = f"None if {test} else {expression}"
        return self.assign(expression)

    def _invoke(self, node: Call, atoms: list[str]) -> str:
        function = node.function
        special = _specialised(node)
        if special is not None:
            pairs = zip(node.arguments, atoms, strict=True)
            atoms = [atom for argument, atom in pairs if not isinstance(argument, Constant)]
            return f"{self.name('f', special)}({', '.join(atoms)})"
        if function.template is None:
            assert function.call is not None
            return f"{self.name('f', function.call)}({', '.join(atoms)})"
        names = {name: self.name(name, value) for name, value in function.names.items()}
        return function.template.format(*atoms, t=self.fresh(), **names)

    def _logic(self, node: Logic) -> str:
        """AND stops at the first false, OR at the first true; the others decide about NULL."""
        stop, go_on = ("False", "True") if node.is_and else ("True", "False")
        first, *rest = _halved(node.is_and, _safe_first(node.operands))
        result = self.assign(self.value(first))
        self._logic_rest(result, first.nullable, rest, stop, go_on)
        return result

    def _logic_rest(
        self, result: str, nullable: bool, rest: list[Node], stop: str, go_on: str
    ) -> None:
        if not rest:
            return
        operand, *rest = rest
        with self.block(f"if {result} is not {stop}:"):
            value = self.value(operand)
            if nullable:
                self.line(
                    f"{result} = {value} if {result} is {go_on}"
                    f" else {stop} if {value} is {stop} else None"
                )
            else:
                self.line(f"{result} = {value}")
            self._logic_rest(result, nullable or operand.nullable, rest, stop, go_on)

    def _case(self, node: Case) -> str:
        """Branches are nested, a few at a time, so that a long CASE does not run out of levels."""
        result = self.fresh()
        first, *others = (
            node.branches[at : at + _CHAIN] for at in range(0, len(node.branches), _CHAIN)
        )
        self._branches(result, first, None if others else node.default)
        while others:
            chunk, *others = others
            with self.block(f"if {result} is UNDECIDED:"):
                self._branches(result, chunk, None if others else node.default)
        return result

    def _branches(
        self, result: str, branches: Sequence[tuple[Node, Node]], default: Node | None
    ) -> None:
        """Set `result` by the first branch that is true, else by `default` (None: undecided)."""
        if not branches:
            self.line(f"{result} = {'UNDECIDED' if default is None else self.value(default)}")
            return
        condition, value = branches[0]
        with self.block(f"if {self.value(condition)}:"):
            self.line(f"{result} = {self.value(value)}")
        with self.block("else:"):
            self._branches(result, branches[1:], default)

    def _coalesce(self, node: Coalesce) -> str:
        operands = node.operands
        result = self.assign(self.value(operands[0]))
        for at in range(1, len(operands), _CHAIN):
            self._coalesce_rest(result, operands[at : at + _CHAIN])
        return result

    def _coalesce_rest(self, result: str, operands: tuple[Node, ...]) -> None:
        if not operands:
            return
        with self.block(f"if {result} is None:"):
            self.line(f"{result} = {self.value(operands[0])}")
            self._coalesce_rest(result, operands[1:])

    def _json(self, node: JsonGet) -> str:
        raw = self._raw(node)
        if node.as_text:
            return self.assign(f"{raw} if {raw}.__class__ is str else json_text({raw})")
        return self.assign(f"None if {raw} is MISSING else Jsonb({raw})")

    def _raw(self, node: JsonGet) -> str:
        """The decoded JSON value that a path leads to, or MISSING."""
        return self.once(("raw", node.base, node.key), lambda _: self._read(node))

    def _read(self, node: JsonGet) -> str:
        document, path = path_of(node)
        decoder = self.decoders.get(document)
        if decoder is not None:
            level = decoder.trie.level(path[:-1])
            if level is not None:
                owner = self._struct(document, decoder, path[:-1])
                field = f"{owner}.{Decoder.attribute(level, node.key)}"
                if len(path) > 1 or _is_nullable_document(document):
                    field = f"MISSING if {owner} is None else {field}"
                return self.assign(field)
        if isinstance(node.base, JsonGet):
            base = self._raw(node.base)
        else:
            value = self.value(node.base)
            base = self.assign(f"MISSING if {value} is None else {value}.value")
        get = "json_field" if isinstance(node.key, str) else "json_item"
        return self.assign(f"{get}({base}, {self._constant(node.key)})")

    def _struct(self, document: Node, decoder: Decoder, path: tuple[str | int, ...]) -> str:
        """The struct of an inner level of a document, None where there is no object."""
        return self.once(("struct", document, path), lambda _: self._open(document, decoder, path))

    def _open(self, document: Node, decoder: Decoder, path: tuple[str | int, ...]) -> str:
        if not path:
            return self.document(document, decoder)
        outer = decoder.trie.level(path[:-1])
        assert outer is not None
        owner = self._struct(document, decoder, path[:-1])
        field = f"{owner}.{Decoder.attribute(outer, path[-1])}"
        if len(path) > 1 or _is_nullable_document(document):
            field = f"None if {owner} is None else {field}"
        return self.assign(field)


def _is_null(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _specialised(node: Call) -> Callable[..., Any] | None:
    """The quicker function for a call's constant arguments, if there is one."""
    specialise = node.function.specialise
    values = [a.value if isinstance(a, Constant) else VARYING for a in node.arguments]
    if specialise is None or None in values or all(value is VARYING for value in values):
        return None
    try:
        return specialise(*values)
    except SqlError:
        return None  # the constants are wrong: the function itself raises this when it is called


def _is_nullable_document(document: Node) -> bool:
    return document.children[0].nullable


def _halved(is_and: bool, operands: list[Node]) -> list[Node]:
    """A long chain as two chains, which may be halved in turn: a tree is not deep."""
    if len(operands) <= _CHAIN:
        return operands
    middle = len(operands) // 2
    halves = (operands[:middle], operands[middle:])
    return [Logic(operands[0].type, is_and, tuple(half)) for half in halves]


def _safe_first(operands: Sequence[Node]) -> list[Node]:
    """The operands, those that cannot fail before those that can, else in their order."""
    return sorted(operands, key=lambda operand: operand.can_fail)
