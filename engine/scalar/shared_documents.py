"""JSON documents that several functions read: each is decoded once for all of them.

Views over one source each have a function of their own, and all of them are given the same rows in
turn. The functions that take fields of the same column decode it by one decoder, of all the fields
that any of them takes, and whoever comes first leaves what it decoded for the others. A function
that is alone has the bare decoder, and pays nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from engine.scalar.documents import Decoder, Trie

KEPT = 4096
"""Decoded documents that are kept for the next function: more than one step of a source brings."""

Function: TypeAlias = Callable[..., Any]


class SharedDocuments:
    """The columns of JSON text of all inputs; `column` names one by its input and its index."""

    def __init__(self) -> None:
        self._columns: dict[tuple[Hashable, int], SharedDocument] = {}

    def column(self, origin: Hashable, index: int) -> SharedDocument:
        return self._columns.setdefault((origin, index), SharedDocument())


class SharedDocument:
    """One column. `trie` only grows while it has users, so what they know of it stays true."""

    def __init__(self) -> None:
        self._trie = Trie()
        self._users: dict[int, tuple[weakref.ref[Function], str]] = {}
        self._decode: Callable[[str], Any] = _nothing
        self._kept: dict[str, Any] = {}

    def decoder(self, trie: Trie) -> Decoder:
        """A decoder that has the fields of `trie`, to be given to `share` if it is to be shared."""
        if not self._users:
            self._trie = Trie()
        merged = self._trie.merged(trie)
        if not merged.extends(self._trie) or not merged.extends(trie):
            return Decoder(trie)  # another looks at the inside of what this one takes whole
        return Decoder(merged)

    def share(self, decoder: Decoder, function: Function, name: str) -> None:
        """Let `function`, in which `name` stands for `decoder.fast`, share what is decoded."""
        if not decoder.trie.extends(self._trie):
            return
        self._trie = decoder.trie
        self._decode = decoder.fast
        self._kept.clear()
        key = id(function)
        self._users[key] = (weakref.ref(function), name)
        weakref.finalize(function, self._leave, key).atexit = False
        self._tell()

    def _leave(self, key: int) -> None:
        del self._users[key]
        self._kept.clear()
        self._tell()

    def _tell(self) -> None:
        """Give each function the decoder that is best for it."""
        alone = len(self._users) == 1
        for reference, name in self._users.values():
            function = reference()
            if function is not None:
                function.__globals__[name] = self._decode if alone else self._decode_once

    def _decode_once(self, text: str) -> Any:
        found = self._kept.get(text)
        if found is None:
            found = self._decode(text)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[text] = found
        return found


def _nothing(text: str) -> Any:
    raise AssertionError("a document without users was decoded")
