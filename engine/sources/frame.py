"""A frequent kind of pattern, without the regular expression engine: it would scan every byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

    def values(self, whole: bytes) -> tuple[list[str], list[bytes]] | None:
        """The group in each line that matches, and its UTF-8; None if a line is not UTF-8."""
        lines = whole.split(b"\n")
        lines.pop()
        begin, end, first, last = self.begin, self.end, self.skipped, -self.cut or None
        shortest = len(begin) + len(end)
        groups = [
            line[first:last]
            for line in lines
            if line.startswith(begin) and line.endswith(end) and len(line) >= shortest
        ]
        try:
            if len(groups) < len(lines):
                whole.decode()
            return [group.decode() for group in groups], groups
        except UnicodeDecodeError:
            return None
