"""A base that was read: the rows of a view at one time, ready to be sent to anybody."""

from __future__ import annotations

from dataclasses import dataclass

from server.framing import Message


@dataclass(frozen=True, slots=True, eq=False)
class ReadBase:
    """What the engine answered to question number `asked`; `read_at` is when."""

    upper: int
    checksum: int
    message: Message
    asked: int
    read_at: int
