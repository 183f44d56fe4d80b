"""LIKE and regular expressions.

LIKE is compiled to a regular expression of Python whose parts are atomic groups, so it never
backtracks over what it has found. Regular expressions are run by `engine.regex`, in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.errors import SqlError
from engine.regex import Regex, Span, compile_regex
from engine.scalar.functions.text import check_length
from engine.scalar.registry import VARYING, define
from engine.types import BOOL, INT4, TEXT, array_of
from engine.types.base import shorten

# LIKE


_LONGEST_LIKE = 8192


@lru_cache(maxsize=1024)
def like_matcher(pattern: str, escape: str, ignore_case: bool) -> Callable[[str], Any]:
    """Compile a LIKE pattern to a match function; raises SqlError 22025."""
    if len(pattern) > _LONGEST_LIKE:
        raise SqlError(
            f"LIKE pattern exceeds maximum length of {_LONGEST_LIKE} characters", "54000"
        )
    if len(escape) > 1:
        raise SqlError(f'invalid escape string "{shorten(escape)}"', "22019")
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            literal = next(characters, None)
            if literal is None:
                raise SqlError("LIKE pattern must not end with escape character", "22025")
            pieces[-1] += re.escape(literal)
        elif character == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if character == "_" else re.escape(character)
    first, *middle = pieces
    source = first
    if middle:
        source += "".join(f"(?>.*?{piece})" for piece in middle[:-1] if piece)
        source += f".*{middle[-1]}" if middle[-1] else ""
        if not middle[-1]:
            return re.compile(source, _flags(ignore_case)).match
    return re.compile(source, _flags(ignore_case)).fullmatch


def _flags(ignore_case: bool) -> int:
    return re.DOTALL | (re.IGNORECASE if ignore_case else 0)


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    return like_matcher(pattern, escape, False)(text) is not None


def ilike(text: str, pattern: str, escape: str = "\\") -> bool:
    return like_matcher(pattern, escape, True)(text) is not None


_WILD = re.compile(r"[%_]")


def like_constant(text: Any, pattern: Any, escape: Any = "\\") -> Callable[[str], bool] | None:
    """The test for one pattern; without a regular expression if it only has % at its ends."""
    if text is not VARYING or VARYING in (pattern, escape):
        return None
    core = pattern.strip("%")
    if _WILD.search(core) or (escape and escape in pattern):
        matcher = like_matcher(pattern, escape, False)
        return lambda text: matcher(text) is not None
    starts, ends = pattern.endswith("%"), pattern.startswith("%")
    if starts and ends:
        return lambda text: core in text
    if starts:
        return lambda text: text.startswith(core)
    if ends:
        return lambda text: text.endswith(core)
    return lambda text: bool(text == core)


def ilike_constant(text: Any, pattern: Any, escape: Any = "\\") -> Callable[[str], bool] | None:
    if text is not VARYING or VARYING in (pattern, escape):
        return None
    matcher = like_matcher(pattern, escape, True)
    return lambda text: matcher(text) is not None


for _name, _call, _special in (
    ("~~", like, like_constant),
    ("like_escape", like, like_constant),
    ("~~*", ilike, ilike_constant),
    ("ilike_escape", ilike, ilike_constant),
):
    _types = (TEXT,) * (2 if _name.startswith("~") else 3)
    define(_name, _types, BOOL, _call, can_fail=True, specialise=_special)

# For NOT LIKE ANY and NOT LIKE ALL, which negate each comparison.
define("!~~", (TEXT, TEXT), BOOL, lambda text, pattern: not like(text, pattern), can_fail=True)
define("!~~*", (TEXT, TEXT), BOOL, lambda text, pattern: not ilike(text, pattern), can_fail=True)

# Regular expressions


def _regex(pattern: str, flags: str = "") -> tuple[Regex, bool]:
    """The compiled pattern, and whether the flags ask for all matches.

    Flags are i (ignore case), c (respect case), and g (all matches). Raises SqlError 2201B for a
    pattern, 22023 for a flag.
    """
    unknown = flags.strip("cgi")
    if unknown:
        raise SqlError(f"invalid regular expression flag: {shorten(unknown[0])}", "22023")
    ignore_case = flags.rfind("i") > flags.rfind("c")
    return compile_regex(pattern, ignore_case), "g" in flags


def matches(text: str, pattern: str) -> bool:
    return compile_regex(pattern).test(text)


def matches_ignoring_case(text: str, pattern: str) -> bool:
    return compile_regex(pattern, True).test(text)


def _tester(ignore_case: bool) -> Callable[[Any, Any], Callable[[str], bool] | None]:
    def specialise(text: Any, pattern: Any) -> Callable[[str], bool] | None:
        if text is not VARYING or pattern is VARYING:
            return None
        return compile_regex(pattern, ignore_case).test

    return specialise


define("~", (TEXT, TEXT), BOOL, matches, can_fail=True, specialise=_tester(False))
define("~*", (TEXT, TEXT), BOOL, matches_ignoring_case, can_fail=True, specialise=_tester(True))


def regexp_match(text: str, pattern: str, flags: str = "") -> tuple[str | None, ...] | None:
    """The groups of the first match, or all of it if there are none."""
    regex, is_global = _regex(pattern, flags)
    if is_global:
        raise SqlError("regexp_match() does not support the global option", "22023")
    return _first_match(regex, text)


def _first_match(regex: Regex, text: str) -> tuple[str | None, ...] | None:
    data = text.encode()
    spans = next(regex.spans(data), None)
    if spans is None:
        return None
    return tuple(_part(data, span) for span in spans[1:] or spans)


def _part(data: bytes, span: Span) -> str | None:
    start, end = span
    return None if start < 0 else data[start:end].decode()


_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))")


def regexp_replace(text: str, pattern: str, replacement: str, flags: str = "") -> str:
    """Replace the first match, or all with the flag g.

    The replacement may name groups: `$1`, `$name`, `${1}`; `$0` is the match, `$$` a dollar.
    """
    regex, is_global = _regex(pattern, flags)
    data = text.encode()
    parts: list[str] = []
    start = length = 0
    for spans in regex.spans(data):
        first, last = spans[0]
        parts += (data[start:first].decode(), _filled(replacement, regex, data, spans))
        length = check_length(length + len(parts[-2]) + len(parts[-1]))
        start = last
        if not is_global:
            break
    return "".join(parts) + data[start:].decode()


def _filled(replacement: str, regex: Regex, data: bytes, spans: list[Span]) -> str:
    if "$" not in replacement:
        return replacement

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        number = int(name) if name.isdecimal() and len(name) < 6 else regex.names.get(name, -1)
        return (_part(data, spans[number]) or "") if 0 <= number < len(spans) else ""

    return _REFERENCE.sub(group, replacement)


def regexp_split(text: str, pattern: str, flags: str = "") -> tuple[str, ...]:
    """The parts between matches; an empty match splits only inside the text."""
    regex, _ = _regex(pattern, flags)
    data = text.encode()
    parts: list[str] = []
    start = 0
    for (first, last), *_groups in regex.spans(data):
        if first == last and first in (0, len(data), start):
            continue
        parts.append(data[start:first].decode())
        start = last
    return (*parts, data[start:].decode())


def regexp_substring(text: str, pattern: str) -> str | None:
    """The first group of the first match, or all of it if there are none."""
    found = _first_match(compile_regex(pattern), text)
    return None if found is None else found[0]


def regexp_like(text: str, pattern: str, flags: str = "") -> bool:
    return _regex(pattern, flags)[0].test(text)


def regexp_count(text: str, pattern: str) -> int:
    return sum(1 for _ in compile_regex(pattern).spans(text.encode()))


_TEXTS = array_of(TEXT)
for _flags_given in (0, 1):
    _two = (TEXT,) * (2 + _flags_given)
    define("regexp_match", _two, _TEXTS, regexp_match, can_fail=True, gives_null=True)
    define("regexp_split_to_array", _two, _TEXTS, regexp_split, can_fail=True)
    define("regexp_like", _two, BOOL, regexp_like, can_fail=True)
    define("regexp_replace", (TEXT, *_two), TEXT, regexp_replace, can_fail=True)
define("regexp_count", (TEXT, TEXT), INT4, regexp_count, can_fail=True)
define("substring", (TEXT, TEXT), TEXT, regexp_substring, can_fail=True, gives_null=True)
