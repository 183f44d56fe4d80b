"""COPY's rows in both formats."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pgwire import copy_format


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (["a", "b"], b"a\tb\n"),
        ([None, ""], b"\\N\t\n"),
        (["", ""], b"\t\n"),
        (["a\tb", "c\nd", "e\rf", "g\\h"], b"a\\tb\tc\\nd\te\\rf\tg\\\\h\n"),
        (["\\N", "\\."], b"\\\\N\t\\\\.\n"),
        (["\x0b\x0c\x08"], b"\x0b\x0c\x08\n"),
        (["é€😀"], "é€😀\n".encode()),
        ([], b"\n"),
    ],
)
def test_text_row(values: list[str | None], line: bytes) -> None:
    assert copy_format.text_row(values) == line


def test_binary_row() -> None:
    assert (
        copy_format.binary_row([b"ab", None, b""]) == b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0"
    )


def test_binary_header_and_trailer() -> None:
    assert copy_format.BINARY_HEADER == b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
    assert copy_format.BINARY_TRAILER == b"\xff\xff"


_UNESCAPED = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\\\": "\\"}


def read_back(line: str) -> list[str | None]:
    """Undo COPY's escapes, as its documentation has them."""
    values = line.removesuffix("\n").split("\t")
    return [
        None
        if value == "\\N"
        else re.sub(r"\\.", lambda match: _UNESCAPED[match[0]], value, flags=re.DOTALL)
        for value in values
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4)
)
def test_a_text_row_can_be_read_back(values: list[str | None]) -> None:
    line = copy_format.text_row(values).decode()
    assert line.count("\n") == 1
    assert read_back(line) == values
