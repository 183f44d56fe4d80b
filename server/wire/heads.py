"""Heads of requests in their plain form, which are read without Tornado. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_HEAD = 16 << 10
"""Bytes of a head that are read here; a longer one is left to Tornado."""
MAX_DIGITS = 16
"""Digits of a Content-Length, and the end of its line."""
_END = b"\r\n\r\n"
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_HEAD = re.compile(
    r"(GET|POST) (/[!-~]*) HTTP/1\.1\r\n"
    r"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)


class Head(NamedTuple):
    """The head of a request of HTTP/1.1. Names of headers are as Tornado spells them."""

    method: str
    target: str
    headers: Mapping[str, str]


def head_size(data: bytes | bytearray, at: int = 0) -> int:
    """The size of the head that begins at `at` in `data`; 0 if it has not come whole."""
    end = data.find(_END, at)
    return 0 if end < 0 else end + len(_END) - at


class SimilarHeads:
    """Heads that differ from one that was accepted in the digits of Content-Length only."""

    def __init__(self, head: bytes) -> None:
        """Take a head with one Content-Length, which is a number."""
        found = _LENGTH.search(head)
        assert found is not None
        self._before, self._after = head[: found.start(1)], head[found.end(1) :]

    def body_of(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return where the body begins, and its size, if such a head begins at `at`."""
        if not data.startswith(self._before, at):
            return None
        begin = at + len(self._before)
        end = data.find(b"\r", begin, begin + MAX_DIGITS)
        digits = data[begin:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self._after, end):
            return None
        return end + len(self._after), int(digits)


def has_bare_newline(head: bytes) -> bool:
    """Whether a line does not end with CRLF: programs differ in whether that ends the line."""
    return _BARE_NEWLINE.search(head) is not None


def parse_head(head: bytes) -> Head | None:
    """Parse a whole head; None if it is in any form but the plain one: Tornado decides then."""
    match = _HEAD.fullmatch(head.decode("latin-1"))
    if match is None:
        return None
    headers: dict[str, str] = {}
    for line in match[3].split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = _spell(name), value.strip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Head(match[1], match[2], headers)


@lru_cache(1000)
def _spell(name: str) -> str:
    """Spell the name of a header as Tornado does: Sec-Websocket-Key."""
    return "-".join(part.capitalize() for part in name.split("-"))
