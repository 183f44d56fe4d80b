"""The interface of every SQL type: names, sizes, conversions from and to text and binary."""

from __future__ import annotations

from typing import Any

from engine.errors import SqlError

SHOWN = 100
"""Characters of a bad input that an error shows; a megabyte of it would help nobody."""


def shorten(text: str) -> str:
    """`text` as an error shows it: at most `SHOWN` characters."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def bounded_int(digits: str, most: int) -> int:
    """The number of these digits, or `most + 1` if it is larger; Python refuses very long ones."""
    significant = digits.lstrip("0") or "0"
    return most + 1 if len(significant) > len(str(most)) else min(int(significant), most + 1)


def invalid_syntax(sql_name: str, text: str, detail: str = "") -> SqlError:
    """The error for a text that is not of the type (22P02)."""
    reason = f"{detail}: " if detail else ""
    return SqlError(f'invalid input syntax for type {sql_name}: {reason}"{shorten(text)}"', "22P02")


def out_of_range(sql_name: str, text: str) -> SqlError:
    """The error for a text that names a number beyond the type's range (22003)."""
    return SqlError(f'"{shorten(text)}" is out of range for type {sql_name}', "22003")


def invalid_binary(sql_name: str, data: bytes) -> SqlError:
    """The error for bytes that are not the type's binary form (22P03)."""
    return SqlError(
        f"invalid binary form for type {sql_name}: {len(data)} bytes {data[:16].hex()}", "22P03"
    )


class SqlType:
    """A SQL type; there is one object for each, so types are compared by identity.

    `name` is PostgreSQL's inner name, as messages to browsers have it (`int8`); `sql_name` the
    one that people and errors use (`bigint`); `size` the length of the binary form in bytes, or
    -1 if it varies; `category` PostgreSQL's letter for a family of types (`N` numbers, `S`
    strings, `D` dates and times, `T` time spans, `B` booleans, `A` arrays, `U` others, `X` the
    unknown type of quoted literals).

    Values are Python objects that are equal exactly when they print the same, hashable, and
    never None: NULL is not a value of a type, so none of the methods takes or gives it.
    """

    def __init__(
        self, name: str, sql_name: str, oid: int, array_oid: int, size: int, category: str
    ) -> None:
        self.name = name
        self.sql_name = sql_name
        self.oid = oid
        self.array_oid = array_oid
        self.size = size
        self.category = category

    def __repr__(self) -> str:
        return f"<type {self.name}>"

    def to_text(self, value: Any) -> str:
        """The text that SELECT and COPY print."""
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """The value that `text` names; raises SqlError 22P02, 22003, 22007 or 22008."""
        raise NotImplementedError

    def to_binary(self, value: Any) -> bytes:
        """PostgreSQL's binary form, as `typsend` gives it."""
        raise NotImplementedError

    def from_binary(self, data: bytes) -> Any:
        """The value of a binary form; raises SqlError 22P03."""
        raise NotImplementedError

    def sort_key(self, value: Any) -> Any:
        """A key by which Python sorts the type's values (not NULL) in PostgreSQL's order."""
        return value
