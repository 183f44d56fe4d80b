"""What may stand in the file: only what Materialize can digest.

One line that it cannot read makes every SELECT of the views above it fail, for ever. So an event
is written only if it is one JSON object as the strictest parser would have it; what is not is
refused with a reason, and `append` counts it and leaves it out.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAX_EVENT = 4 * 2**20
"""The longest event, in bytes; Wikimedia's own limit is no larger."""

MAX_DEPTH = 100
"""How deep an event may nest: JSON parsers with a limit of their own allow 128."""

_MAX_NUMBER = int(1.7976931348623157e308)
_MAYBE_NUL = b"\\u0000"
_MAYBE_HUGE = re.compile(rb"[0-9]{309}")
_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class RefusedError(ValueError):
    """An event that must not be written; the text is the reason, the same for all of its kind."""


def line_of(event: bytes) -> bytes:
    """The line `data: EVENT` with its newline; raises RefusedError for what must not be written.

    The event's bytes are kept as they are, but for line breaks between its tokens: they become
    blanks, since a line is all that the file knows.
    """
    if len(event) > MAX_EVENT:
        raise RefusedError(f"longer than {MAX_EVENT} bytes")
    event = event.strip(b" \t\r\n")
    _check(event)
    # JSON allows no raw line break within a string, so each one left stands between tokens.
    return b"data: %b\n" % event.translate(_BREAKS)


def _check(event: bytes) -> None:
    try:
        event.decode()
        tree = msgspec.json.decode(event)
    except UnicodeDecodeError:
        raise RefusedError("not UTF-8") from None
    except msgspec.ValidationError:
        raise RefusedError("a number beyond float8") from None
    except msgspec.DecodeError:
        raise RefusedError("not JSON") from None
    except RecursionError:
        raise RefusedError(f"nested deeper than {MAX_DEPTH}") from None
    if not isinstance(tree, dict):
        raise RefusedError("not a JSON object")
    if (
        _MAYBE_NUL in event
        or _MAYBE_HUGE.search(event)
        or event.count(b"{") + event.count(b"[") > MAX_DEPTH
    ):
        _check_values(tree)


def _check_values(tree: Any) -> None:
    """Refuse what msgspec reads but others do not: NULs, huge integers, and great depth."""
    waiting = [(tree, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                raise RefusedError("a NUL character")
        elif isinstance(value, int):
            if abs(value) > _MAX_NUMBER:
                raise RefusedError("a number beyond float8")
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise RefusedError(f"nested deeper than {MAX_DEPTH}")
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += [(item, depth + 1) for item in inner]
