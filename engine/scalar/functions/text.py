"""Functions on text."""

from __future__ import annotations

from typing import Any

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import BOOL, BYTEA, INT4, INT8, TEXT

MAX_LENGTH = 100 * 1024 * 1024
"""Characters that a function which makes text longer may give at most, as Materialize limits it."""


def check_length(length: int) -> int:
    """`length`, or SqlError 54000 if a text of that length would be too long."""
    if length > MAX_LENGTH:
        raise SqlError(f"requested length too large: {length}, at most {MAX_LENGTH}", "54000")
    return length


# Lengths

for _name in ("length", "char_length", "character_length"):
    define(_name, (TEXT,), INT4, template="len({0})")
define("length", (BYTEA,), INT4, template="len({0})")
define("octet_length", (TEXT,), INT4, template="len({0}.encode())")
define("octet_length", (BYTEA,), INT4, template="len({0})")
define("bit_length", (TEXT,), INT4, template="8 * len({0}.encode())")
define("bit_length", (BYTEA,), INT4, template="8 * len({0})")

# Case

define("lower", (TEXT,), TEXT, template="{0}.lower()")
define("upper", (TEXT,), TEXT, template="{0}.upper()")


def initcap(text: str) -> str:
    """Each word's first letter in upper case, the others in lower; words are of letters, digits."""
    out: list[str] = []
    inside = False
    for character in text:
        out.append(character.lower() if inside else character.upper())
        inside = character.isalnum()
    return "".join(out)


define("initcap", (TEXT,), TEXT, initcap)

# Trimming and padding

_TRIMS = {"btrim": "strip", "trim": "strip", "ltrim": "lstrip", "rtrim": "rstrip"}
for _name, _method in _TRIMS.items():
    define(_name, (TEXT,), TEXT, template=f"{{0}}.{_method}(' ')")
    define(_name, (TEXT, TEXT), TEXT, template=f"{{0}}.{_method}({{1}}) if {{1}} else {{0}}")


def _padding(text: str, length: int, fill: str) -> str:
    if length < 0:
        raise SqlError("length must be nonnegative", "22023")
    missing = check_length(length) - len(text)
    return (fill * (missing // len(fill) + 1))[:missing] if fill and missing > 0 else ""


def lpad(text: str, length: int, fill: str = " ") -> str:
    return _padding(text, length, fill) + text[:length]


def rpad(text: str, length: int, fill: str = " ") -> str:
    return text[:length] + _padding(text, length, fill)


for _name, _pad in (("lpad", lpad), ("rpad", rpad)):
    define(_name, (TEXT, INT4), TEXT, _pad, can_fail=True)
    define(_name, (TEXT, INT4, TEXT), TEXT, _pad, can_fail=True)

# Parts

define("left", (TEXT, INT4), TEXT, template="{0}[:{1}]")


def right(text: str, count: int) -> str:
    """The last `count` characters; all but the first `-count` if negative."""
    return text[max(len(text) - count, 0) :] if count >= 0 else text[-count:]


def substring(text: Any, start: int, length: int | None = None) -> Any:
    """From the 1-based `start`; what lies before the beginning counts towards the length."""
    if length is None:
        return text[max(start - 1, 0) :]
    if length < 0:
        raise SqlError("negative substring length not allowed", "22011")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def split_part(text: str, delimiter: str, number: int) -> str:
    """The 1-based part between delimiters, counted from the end if negative; '' if none."""
    if number == 0:
        raise SqlError("field position must not be zero", "22023")
    parts = text.split(delimiter) if delimiter else [text]
    if -len(parts) <= number <= len(parts):
        return parts[number - 1 if number > 0 else number]
    return ""


def overlay(text: str, replacement: str, start: int, length: int | None = None) -> str:
    """Replace `length` characters (as many as `replacement` has) from the 1-based `start`."""
    if start <= 0:
        raise SqlError("negative substring length not allowed", "22011")
    end = start - 1 + (len(replacement) if length is None else length)
    return text[: start - 1] + replacement + text[max(end, 0) :]


define("right", (TEXT, INT4), TEXT, right)
for _name in ("substring", "substr"):
    for _type in (TEXT, BYTEA):
        define(_name, (_type, INT4), _type, substring)
        define(_name, (_type, INT4, INT4), _type, substring, can_fail=True)
define("split_part", (TEXT, TEXT, INT4), TEXT, split_part, can_fail=True)
define("overlay", (TEXT, TEXT, INT4), TEXT, overlay, can_fail=True)
define("overlay", (TEXT, TEXT, INT4, INT4), TEXT, overlay, can_fail=True)

# Searching

define("strpos", (TEXT, TEXT), INT4, template="{0}.find({1}) + 1")
define("position", (TEXT, TEXT), INT4, template="{1}.find({0}) + 1")
define("starts_with", (TEXT, TEXT), BOOL, template="{0}.startswith({1})")

# Making new text


def repeat(text: str, count: int) -> str:
    check_length(len(text) * count)
    return text * count


def replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    if len(new) > len(old):
        check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def translate(text: str, old: str, new: str) -> str:
    """Each character of `old` becomes the one of `new` in its place, or vanishes."""
    table: dict[int, str | None] = {}
    for index, character in enumerate(old):
        table.setdefault(ord(character), new[index] if index < len(new) else None)
    return text.translate(table)


def character(code: int) -> str:
    if code <= 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise SqlError(f"requested character not valid: {code}", "54000")
    return chr(code)


def quote_ident(name: str) -> str:
    plain = name.isidentifier() and name.isascii() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "E" + quoted if "\\" in text else quoted


def concatenate(left: Any, right: Any) -> Any:
    check_length(len(left) + len(right))
    return left + right


for _type in (TEXT, BYTEA):
    define("||", (_type, _type), _type, concatenate)
define("repeat", (TEXT, INT4), TEXT, repeat, can_fail=True)
define("replace", (TEXT, TEXT, TEXT), TEXT, replace, can_fail=True)
define("reverse", (TEXT,), TEXT, template="{0}[::-1]")
define("translate", (TEXT, TEXT, TEXT), TEXT, translate)
define("chr", (INT4,), TEXT, character, can_fail=True)
define("ascii", (TEXT,), INT4, template="ord({0}[0]) if {0} else 0")
define("quote_ident", (TEXT,), TEXT, quote_ident)
define("quote_literal", (TEXT,), TEXT, quote_literal)
define("to_hex", (INT4,), TEXT, template="format({0} % 4294967296, 'x')")
define("to_hex", (INT8,), TEXT, template="format({0} % 18446744073709551616, 'x')")
