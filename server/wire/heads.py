"""Heads of requests in their plain form, which are read without Tornado. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_HEAD = 16 << 10
"""Bytes of a head that are read here; a longer one is left to Tornado."""
_END = b"\r\n\r\n"
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_HEAD = re.compile(
    r"(GET|POST) (/[!-~]*) HTTP/1\.1\r\n"
    r"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)


class Head(NamedTuple):
    """The head of a request of HTTP/1.1. Names of headers are as Tornado spells them."""

    method: str
    target: str
    headers: Mapping[str, str]


def head_size(data: bytes | bytearray) -> int:
    """The size of the head with which `data` begins; 0 if it has not come whole."""
    end = data.find(_END)
    return 0 if end < 0 else end + len(_END)


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
