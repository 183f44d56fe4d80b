"""A client's connection as the hub sees it, and where it stands in each of its views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from server.hub.fanout import Group
    from server.hub.view import View

TOO_SLOW = 4008
"""The close code for who does not take what is sent."""

Send: TypeAlias = Callable[[bytes], int]
"""As `socket.send` on a socket that does not block: how many bytes went; OSError if none did."""


class Client(ABC):
    """One connection, to be written to by `Fanout` only.

    `is_ready` says whether bytes may be handed to `send`. Once some did not go, it is not
    ready until the hub is told that it has `drained`.
    """

    __slots__ = ("deflates", "group", "is_ready", "listeners", "send")

    def __init__(self, send: Send, *, deflates: bool) -> None:
        self.send = send
        self.deflates = deflates
        self.is_ready = True
        self.listeners: dict[str, Listener] = {}
        self.group: Group | None = None

    @abstractmethod
    def hold(self, data: bytes, sent: int) -> bool:
        """`send` took only `sent` bytes of `data` (-1: the connection is broken).

        Return True if the rest will follow, False if the data is to be forgotten. Tell the hub
        `drained` when there is room again.
        """

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Close with a websocket close code; the hub is told `leave` in the end."""


class Listener:
    """Where a client stands in one view: at `frontier` of `epoch`, or waiting for a base.

    While it is live, it stands where its view was last flushed, and `frontier` is not kept up.
    """

    __slots__ = (
        "asked",
        "barrier",
        "client",
        "epoch",
        "frontier",
        "is_foreign",
        "is_live",
        "is_owed",
        "is_queued",
        "is_waiting",
        "view",
    )

    def __init__(self, client: Client, view: View, asked: int) -> None:
        self.client = client
        self.view = view
        self.epoch: str | None = None
        self.frontier = 0
        self.asked = asked
        """The number of the last question to the engine when it came, or began to wait."""
        self.barrier = 0
        """Only a base that a later question brought is good enough."""
        self.is_waiting = True
        self.is_foreign = False
        """It came with an epoch that the hub does not have: only a later answer counts."""
        self.is_owed = False
        """It has resumed, and is to be answered even if there is nothing new."""
        self.is_live = False
        self.is_queued = False

    @property
    def has_nothing(self) -> bool:
        """Whether it waits for a base, or may have to."""
        return self.is_waiting or self.is_foreign
