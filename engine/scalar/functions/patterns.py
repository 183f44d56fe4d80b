"""LIKE and regular expressions.

LIKE is compiled to a regular expression whose parts are atomic groups, so it never backtracks over
what it has found. Regular expressions are written as Materialize takes them (Rust's syntax) and run
by Python's `re`, after `to_python` has put right what the two read differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.errors import SqlError
from engine.scalar.functions.backtracking import bounded
from engine.scalar.registry import VARYING, define
from engine.types import BOOL, INT4, TEXT, array_of
from engine.types.base import shorten

# LIKE


@lru_cache(maxsize=1024)
def like_matcher(pattern: str, escape: str, ignore_case: bool) -> Callable[[str], Any]:
    """A function that tells whether a text is LIKE `pattern`; raises SqlError 22025."""
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

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7F",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1F\\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"\[:(?P<class>\w+):\]|\\(?P<escaped>.)|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<other>.)",
    re.DOTALL,
)


def to_python(pattern: str) -> str:
    """The pattern in the syntax of Python's `re`.

    POSIX classes (`[[:alpha:]]`) are spelt out, `$` means the very end, `\\z` is Python's `\\Z`.
    """
    out: list[str] = []
    in_set = False
    for match in _TOKEN.finditer(pattern):
        text = match[0]
        if match["class"] is not None:
            if in_set and match["class"] in _CLASSES:
                out.append(_CLASSES[match["class"]])
            else:
                out.append("[" if not in_set else "\\[")
                out.append(text[1:])
                in_set = False
        elif match["escaped"] is not None:
            if match["escaped"] in "123456789" and not in_set:
                raise SqlError(
                    f"invalid regular expression: {shorten(pattern)}",
                    "2201B",
                    detail="backreferences are not supported",
                )
            out.append("\\Z" if match["escaped"] == "z" else text)
        elif match["open"] is not None:
            out.append(
                "\\[" + text[1:] if in_set else text.replace("[]", "[\\]").replace("^]", "^\\]")
            )
            in_set = True
        elif match["close"] is not None:
            out.append(text if in_set else "\\]")
            in_set = False
        else:
            out.append("\\Z" if text == "$" and not in_set else text)
    return "".join(out)


@lru_cache(maxsize=1024)
def compile_regex(pattern: str, flags: str = "") -> re.Pattern[str]:
    """Compile a pattern of SQL; flags: i, c (respect case), s (`.` matches newlines), x, m or n.

    Raises SqlError 2201B for a pattern, 22023 for flags that cannot be read.
    """
    value = 0
    for flag in flags:
        match flag:
            case "i":
                value |= re.IGNORECASE
            case "c":
                value &= ~re.IGNORECASE
            case "s":
                value |= re.DOTALL
            case "x":
                value |= re.VERBOSE
            case "m" | "n":
                value |= re.MULTILINE
            case "g":
                pass
            case _:
                raise SqlError(f'invalid regular expression option: "{flag}"', "22023")
    try:
        source = pattern if value & re.MULTILINE else to_python(pattern)
        return re.compile(source, value)
    except (re.error, OverflowError, RecursionError) as error:
        raise SqlError(
            f"invalid regular expression: {shorten(pattern)}", "2201B", detail=str(error)
        ) from error


@lru_cache(maxsize=1024)
def searcher(pattern: str, flags: str = "") -> Callable[[str], re.Match[str] | None]:
    """A function that gives the first match in a text; SqlError 54001 where it takes too long."""
    regex = compile_regex(pattern, flags)
    return bounded(regex, regex.search, pattern)


def _all_matches(text: str, pattern: str, flags: str = "") -> list[re.Match[str]]:
    regex = compile_regex(pattern, flags)
    return bounded(regex, lambda text: list(regex.finditer(text)), pattern)(text)


def matches(text: str, pattern: str) -> bool:
    return searcher(pattern)(text) is not None


def matches_ignoring_case(text: str, pattern: str) -> bool:
    return searcher(pattern, "i")(text) is not None


def _searcher(flags: str) -> Callable[[Any, Any], Callable[[str], bool] | None]:
    def specialise(text: Any, pattern: Any) -> Callable[[str], bool] | None:
        if text is not VARYING or pattern is VARYING:
            return None
        search = searcher(pattern, flags)
        return lambda text: search(text) is not None

    return specialise


define("~", (TEXT, TEXT), BOOL, matches, can_fail=True, specialise=_searcher(""))
define("~*", (TEXT, TEXT), BOOL, matches_ignoring_case, can_fail=True, specialise=_searcher("i"))


def regexp_match(text: str, pattern: str, flags: str = "") -> tuple[str | None, ...] | None:
    """The groups of the first match, or all of it if there are none."""
    if "g" in flags:
        raise SqlError("regexp_match() does not support the global option", "22023")
    match = searcher(pattern, flags)(text)
    return None if match is None else _groups(match)


def _groups(match: re.Match[str]) -> tuple[str | None, ...]:
    return match.groups() or (match[0],)


def regexp_replace(text: str, pattern: str, replacement: str, flags: str = "") -> str:
    """Replace the first match, or all with the flag g; `\\1` stands for a group, `\\&` for all."""
    regex = compile_regex(pattern, flags)

    def fill(match: re.Match[str]) -> str:
        def part(reference: re.Match[str]) -> str:
            name = reference[1]
            if name in ("&", "0"):
                return match[0]
            if name.isdigit():
                return (match[int(name)] or "") if int(name) <= regex.groups else ""
            return name

        return _REFERENCE.sub(part, replacement)

    count = 0 if "g" in flags else 1
    return bounded(regex, lambda text: regex.sub(fill, text, count=count), pattern)(text)


_REFERENCE = re.compile(r"\\(.)", re.DOTALL)


def regexp_split(text: str, pattern: str, flags: str = "") -> tuple[str, ...]:
    """The parts between matches; an empty match splits only inside the text."""
    parts: list[str] = []
    start = 0
    for match in _all_matches(text, pattern, flags):
        if match.end() == match.start() and match.start() in (0, len(text), start):
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    return (*parts, text[start:])


def regexp_substring(text: str, pattern: str) -> str | None:
    """The first group of the first match, or all of it if there are none."""
    match = searcher(pattern)(text)
    return None if match is None else _groups(match)[0]


def regexp_like(text: str, pattern: str, flags: str = "") -> bool:
    return searcher(pattern, flags)(text) is not None


def regexp_count(text: str, pattern: str) -> int:
    return len(_all_matches(text, pattern))


_TEXTS = array_of(TEXT)
for _flags_given in (0, 1):
    _two = (TEXT,) * (2 + _flags_given)
    define("regexp_match", _two, _TEXTS, regexp_match, can_fail=True, gives_null=True)
    define("regexp_split_to_array", _two, _TEXTS, regexp_split, can_fail=True)
    define("regexp_like", _two, BOOL, regexp_like, can_fail=True)
    define("regexp_replace", (TEXT, *_two), TEXT, regexp_replace, can_fail=True)
define("regexp_count", (TEXT, TEXT), INT4, regexp_count, can_fail=True)
define("substring", (TEXT, TEXT), TEXT, regexp_substring, can_fail=True, gives_null=True)
