"""How a JSON document of which fields are taken is decoded: once, and no more than is needed.

A text that is cast to jsonb, and of which only constant paths are taken (`data::jsonb ->> 'user'`,
`data::jsonb -> 'length' ->> 'new'`), is decoded by msgspec into a struct that has just these
fields; the rest is checked and skipped. Taken are exactly the values that decoding all would have
given: the decoder refuses what JSON forbids in what it skips too, it takes the last of several
equal keys, and undoes escapes in keys. Where the document or an inner part is not an object, it
raises ValidationError, and `Decoder.slow` makes the same struct from the whole.

Views over one source share the decoding of its rows: a struct has the fields of all of them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.scalar.nodes import Call, IsNull, JsonGet, Node, walk
from engine.types.jsonb import SHALLOW, decode, may_be_deep, read_number
from engine.zset import Appended

MISSING = msgspec.UNSET
"""The result of a path that leads nowhere, which differs from JSON's null."""

FAST_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeEncodeError)
"""Errors of a fast decoder after which the slow one may succeed, or give the right error."""


@dataclass
class Trie:
    """The paths that are taken of one document."""

    is_taken: bool = False
    children: dict[str | int, Trie] = field(default_factory=dict)

    @property
    def is_struct(self) -> bool:
        """Whether this level can be decoded as a struct: fields only, and not taken itself."""
        return (
            not self.is_taken
            and bool(self.children)
            and all(isinstance(key, str) and _is_plain(key) for key in self.children)
        )

    def level(self, path: Sequence[str | int]) -> Trie | None:
        """The level that a path leads to, if all on the way, and this, are structs."""
        trie = self
        for key in path:
            if not trie.is_struct:
                return None
            trie = trie.children[key]
        return trie if trie.is_struct else None

    def merged(self, other: Trie) -> Trie:
        """The paths of both; the fields of this one keep their places."""
        children = dict(self.children)
        for key, child in other.children.items():
            children[key] = children.get(key, Trie()).merged(child)
        return Trie(self.is_taken or other.is_taken, children)

    def extends(self, other: Trie) -> bool:
        """Whether the fields of `other` are found in the same places of this one."""
        looked_at = other.is_taken or bool(other.children)
        if looked_at and self.is_struct != other.is_struct:
            return False
        return all(
            key in self.children and self.children[key].extends(child)
            for key, child in other.children.items()
        )


def _is_plain(key: str) -> bool:
    """Whether msgspec takes `key` as the name of a field."""
    return key.isprintable() and '"' not in key and "\\" not in key


def path_of(node: JsonGet) -> tuple[Node, tuple[str | int, ...]]:
    """The document and the path of a chain of `->` and a last `->` or `->>`."""
    keys: list[str | int] = [node.key]
    base = node.base
    while isinstance(base, JsonGet):
        keys.append(base.key)
        base = base.base
    return base, tuple(reversed(keys))


def is_text_document(node: Node) -> bool:
    """Whether the node is a text that is cast to jsonb."""
    return isinstance(node, Call) and node.function.name == "text_to_jsonb"


def plan(roots: Iterable[Node]) -> dict[Node, Trie]:
    """The documents of which only fields are taken, and which.

    A document that is itself among the roots is taken whole.
    """
    tries: dict[Node, Trie] = {}
    whole: set[Node] = set()
    for node in {node for root in roots for node in walk(IsNull(root.type, root))}:
        if isinstance(node, JsonGet):
            continue  # what it leads to is looked at where that is used
        for child in node.children:
            if isinstance(child, JsonGet):
                document, path = path_of(child)
                if is_text_document(document):
                    _take(tries.setdefault(document, Trie()), path)
            elif is_text_document(child):
                whole.add(child)
    return {d: trie for d, trie in tries.items() if d not in whole and trie.is_struct}


def _take(trie: Trie, path: tuple[str | int, ...]) -> None:
    for key in path:
        trie = trie.children.setdefault(key, Trie())
    trie.is_taken = True


class Decoder:
    """Decodes texts into structs that have the fields of a trie."""

    def __init__(self, trie: Trie) -> None:
        self.trie = trie
        self.struct, self._build = _make_struct(trie)
        self.fast: Callable[[str | memoryview], Any] = msgspec.json.Decoder(
            self.struct, float_hook=read_number
        ).decode
        """Raises one of FAST_ERRORS for what is not JSON, but also for what is no object."""

    def checked(self, text: str | memoryview) -> Any:
        """Decode with `fast` what is not nested too deeply, whatever the recursion limit is."""
        if len(text) > SHALLOW and may_be_deep(text):
            raise RecursionError
        return self.fast(text)

    def slow(self, text: str) -> Any:
        """The same struct, for any JSON; raises SqlError for what is not JSON."""
        return self._build(decode(text))

    @staticmethod
    def attribute(trie: Trie, key: str | int) -> str:
        """The name of the attribute for the field `key` of a level."""
        return f"f{list(trie.children).index(key)}"


def _make_struct(trie: Trie) -> tuple[Any, Callable[[Any], Any]]:
    """The struct type of a level, and a function that makes one of a decoded value."""
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    builders: list[tuple[str | int, Callable[[Any], Any]]] = []
    for number, (key, child) in enumerate(trie.children.items()):
        name = f"f{number}"
        names[name] = str(key)
        if child.is_struct:
            inner, make_inner = _make_struct(child)
            fields.append((name, inner | None, None))
            builders.append((key, make_inner))
        else:
            fields.append((name, Any, MISSING))
            builders.append((key, _itself))
    struct = msgspec.defstruct("Document", fields, rename=names, gc=False)

    def build(value: Any) -> Any:
        found = value if isinstance(value, dict) else {}
        return struct(*(make(found.get(key, MISSING)) for key, make in builders))

    return struct, build


def _itself(value: Any) -> Any:
    return value


class SharedDocuments:
    """The columns of JSON text of all inputs; `column` names one by its input and its index."""

    def __init__(self) -> None:
        self._columns: weakref.WeakValueDictionary[tuple[Hashable, int], SharedDocument] = (
            weakref.WeakValueDictionary()
        )

    def column(self, origin: Hashable, index: int, trie: Trie) -> SharedDocument:
        """The shared document of a column, or, if its readers disagree, one for this trie alone."""
        document = self._columns.get((origin, index))
        if document is None:
            document = self._columns[origin, index] = SharedDocument(index, trie)
        return document if document.include(trie) else SharedDocument(index, trie)


class SharedDocument:
    """A column of JSON text that several functions read; it lives as long as they do.

    The decoder has the fields that any of them takes, and only ever gets more: the struct's
    attributes that one of them knows stay where they are.
    """

    def __init__(self, index: int, trie: Trie) -> None:
        self._index = index
        self.decoder = Decoder(trie)

    def include(self, trie: Trie) -> bool:
        """Decode these fields too; False if one looks into what another takes whole."""
        known = self.decoder.trie
        merged = known.merged(trie)
        if not (merged.extends(known) and merged.extends(trie)):
            return False
        if merged != known:
            self.decoder = Decoder(merged)
        return True

    def structs(self, rows: Appended) -> list[Any]:
        """The struct of each row, None for NULL; raises one of FAST_ERRORS."""
        decoder = self.decoder
        found: list[Any] | Exception | None = rows.shared.get(decoder)
        if found is None:
            try:
                found = self._decode(rows, decoder)
            except FAST_ERRORS as error:
                found = error  # the others need not try again
            rows.shared[decoder] = found
        if isinstance(found, Exception):
            raise found
        return found

    def _decode(self, rows: Appended, decoder: Decoder) -> list[Any]:
        if self._index == 0 and rows.utf8 is not None:
            shallow = max(map(len, rows.utf8), default=0) <= SHALLOW
            return list(map(decoder.fast if shallow else decoder.checked, rows.utf8))
        checked, texts = decoder.checked, rows.columns[self._index]
        return [None if text is None else checked(text) for text in texts]
