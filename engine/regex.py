"""Regular expressions of users, run by RE2: their time is linear in the length of the text.

The syntax is Rust's, as in Materialize, less what RE2 lacks: backreferences (Rust has none either),
set operations (`[a-z&&[^b]]`), nested sets, the flag `x`, and repetitions beyond 1000.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

import re2

from engine.errors import SqlError, not_supported

Span: TypeAlias = tuple[int, int]

_CACHED = 128
"""Compiled patterns that are kept."""
_MAX_BYTES = 4 * 1024 * 1024
"""Memory that one compiled pattern may take; beyond it RE2 refuses the pattern."""
_SHOWN = 100

# Rust's classes are Unicode's, RE2's are ASCII's.
_DIGIT = r"\p{Nd}"
_WORD = r"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200C}\x{200D}"
_SPACE = r"\x09-\x0D\x{85}\p{Z}"
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}

_TOKEN = re.compile(
    r"\\u\{?(?P<code>[0-9A-Fa-f]{4,8})\}?|\\(?P<escaped>.)|\[:\^?(?P<posix>\w+):\]"
    r"|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<operation>&&|--|~~)|.",
    re.DOTALL,
)


class Regex:
    """A compiled pattern. Texts are searched as UTF-8; spans count bytes."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self._test = _compile(pattern, ignore_case, never_capture=True).search
        self._regexp = _compile(pattern, ignore_case, never_capture=False)
        self._search = self._regexp.search
        self.groups: int = self._regexp.groups
        self.names: dict[str, int] = {
            name.decode(): number for name, number in self._regexp.groupindex.items()
        }

    def test(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text."""
        return self._test(text.encode()) is not None

    def search(self, text: bytes) -> tuple[bytes | None, ...] | None:
        """The groups of the first match in a text of UTF-8; None if there is none."""
        match = self._search(text)
        return None if match is None else match.groups()

    def spans(self, text: bytes) -> Iterator[list[Span]]:
        """Of each match the spans of itself and its groups; (-1, -1) for one that took no part."""
        numbers = range(self.groups + 1)
        for match in self._regexp.finditer(text):
            start = match.start()
            if start < len(text) and text[start] & 0xC0 == 0x80:
                continue  # an empty match inside a character
            yield [match.span(number) for number in numbers]


def _compile(pattern: str, ignore_case: bool, *, never_capture: bool) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_BYTES
    options.case_sensitive = not ignore_case
    options.never_capture = never_capture
    return re2.compile(_to_re2(pattern).encode(), options)


@lru_cache(maxsize=_CACHED)
def compile_regex(pattern: str, ignore_case: bool = False) -> Regex:
    """Compile a pattern; raises SqlError 2201B if it is none."""
    try:
        return Regex(pattern, ignore_case)
    except re2.error as error:
        reason = error.args[0]
        raise SqlError(
            f"invalid regular expression: {_shorten(pattern)}",
            "2201B",
            detail=reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason),
        ) from error


def _to_re2(pattern: str) -> str:
    """The pattern with Unicode's classes and code points spelt as RE2 has them."""
    out: list[str] = []
    in_set = False
    for match in _TOKEN.finditer(pattern):
        text = match[0]
        if match["code"]:
            text = rf"\x{{{match['code']}}}"
        elif match["escaped"]:
            text = _escape(match["escaped"], in_set) or text
        elif match["open"]:
            if in_set:
                raise not_supported(f"a set within a set: {_shorten(pattern)}", "write \\[ for [")
            in_set = True
        elif match["close"]:
            in_set = False
        elif match["operation"] and in_set:
            raise not_supported(f"{text} in a set of characters: {_shorten(pattern)}")
        out.append(text)
    return "".join(out)


def _escape(letter: str, in_set: bool) -> str | None:
    members = _CLASSES.get(letter.lower())
    if members is None:
        return None
    if letter.islower():
        return members if in_set else f"[{members}]"
    if not in_set:
        return f"[^{members}]"
    if letter == "D":
        return r"\P{Nd}"
    raise not_supported(f"\\{letter} in a set of characters", "write [^..] with the others")


def _shorten(pattern: str) -> str:
    return pattern if len(pattern) <= _SHOWN else pattern[: _SHOWN - 3] + "..."
