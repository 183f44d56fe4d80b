"""A frequent kind of pattern, without the regular expression engine: it would scan every byte."""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_PIECE = 64 * 1024
"""Bytes that are decoded at once to check them: so many that all stays in the processor's cache."""

_LITERAL = r"(?:[^\\^$.|?*+()\[\]{}]|\\[^\w\s])*"
_PATTERN = re.compile(
    rf"\^(?P<before>{_LITERAL})\((?:\?P<\w+>)?"
    rf"(?P<head>{_LITERAL})\.\*(?P<tail>{_LITERAL})\)(?P<after>{_LITERAL})\$"
)


@dataclass(frozen=True)
class Frame:
    """A pattern `^before(head.*tail)after$` of literals around one `.*`.

    A line matches if it begins and ends as the pattern does, and there is only one way to match.
    """

    begin: bytes
    end: bytes
    skipped: int
    """Bytes before the group."""
    cut: int
    """Bytes after the group."""

    @classmethod
    def of(cls, pattern: str) -> Frame | None:
        """The frame that a pattern is, None for any other pattern."""
        found = _PATTERN.fullmatch(pattern)
        if found is None:
            return None
        parts = (re.sub(r"\\(.)", r"\1", part).encode() for part in found.group(1, 2, 3, 4))
        before, head, tail, after = parts
        return cls(before + head, tail + after, len(before), len(after))

    def values(self, whole: bytes) -> Texts | None:
        """The group in each line that matches; None if a line is not UTF-8.

        The groups are views of `whole`: to copy lines of 1 KB would cost more than to find them.
        Between two lines that match are always the same bytes, so one comparison is enough.
        """
        if not is_utf8(whole):
            return None
        begin, end, skipped, cut = self.begin, self.end, self.skipped, self.cut
        between = end + b"\n" + begin
        before, behind = len(end), 1 + len(begin)
        shortest = len(begin) + len(end)
        find, starts = whole.find, whole.startswith
        view = memoryview(whole)
        groups: list[memoryview] = []
        append = groups.append
        start = 0
        begins = starts(begin)
        while (stop := find(b"\n", start)) >= 0:
            is_whole = begins and stop - start >= shortest
            if whole[stop - before : stop + behind] == between:
                begins = True
            else:
                begins = starts(begin, stop + 1)
                is_whole = is_whole and starts(end, stop - before)
            if is_whole:
                append(view[start + skipped : stop - cut])
            start = stop + 1
        return Texts(groups)


class Texts(Sequence[str]):
    """Texts that are decoded when one of them is first read; often only `utf8` is."""

    def __init__(self, utf8: Sequence[memoryview]) -> None:
        self.utf8 = utf8

    @cached_property
    def _texts(self) -> list[str]:
        return [str(text, "utf-8") for text in self.utf8]

    def __len__(self) -> int:
        return len(self.utf8)

    def __getitem__(self, place: Any) -> Any:
        return self._texts[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    view, place = memoryview(data), 0
    try:
        while place < len(data):
            piece = view[place : place + _PIECE]
            place += utf_8_decode(piece, "strict", place + _PIECE >= len(data))[1]
    except UnicodeDecodeError:
        return False
    return True
