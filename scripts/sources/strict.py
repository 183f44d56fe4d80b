"""Checks events: only what Materialize can parse may be in the file.

One line that it cannot parse makes every SELECT of the views over the file fail, for ever. So an
event is written only if the strictest parser takes it as a JSON object; any other is refused with
a reason, and `append` counts it and leaves it out.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAX_EVENT = 4 * 2**20
"""The longest event, in bytes; Wikimedia's own limit is not larger."""

MAX_DEPTH = 100
"""The deepest nesting of an event: JSON parsers that have a limit allow 128."""

_MAX_NUMBER = int(1.7976931348623157e308)
_MAYBE_NUL = b"\\u0000"
_MAYBE_HUGE = re.compile(rb"[0-9]{309}")
_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class RefusedError(ValueError):
    """An event that must not be written; the text is the reason, without the event."""


def line_of(event: bytes) -> bytes:
    """Return the line `data: EVENT` with its newline; raises RefusedError.

    The event's bytes stay as they are, except that line breaks between its tokens become blanks:
    an event is one line of the file.
    """
    if len(event) > MAX_EVENT:
        raise RefusedError(f"longer than {MAX_EVENT} bytes")
    event = event.strip(b" \t\r\n")
    _check(event)
    # JSON allows no raw line break within a string, so each one is between tokens.
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
    """Refuse what only msgspec accepts: NULs, huge integers, and deep nesting."""
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
