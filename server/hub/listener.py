"""Clients as the hub sees them, their listeners, and what the live ones are to be sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeAlias

from server.framing import Message
from server.hub.history import History
from server.hub.states import HAS_POSITION, State
from viewstream.protocol import Position

Send: TypeAlias = Callable[[bytes], int]
"""As `socket.send` on a non-blocking socket: how many bytes were taken; OSError if none were."""


class Feed:
    """What is to be sent to the live listeners of one view."""

    __slots__ = ("ahead", "flushed", "history", "name", "pending")

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self.history = history
        self.pending: list[Message] = []
        """Messages that the live listeners have not been sent; deltas end at the head."""
        self.flushed = 0
        """The frontier of all live listeners."""
        self.ahead: set[Listener] = set()
        """The listeners that are AHEAD."""

    @property
    def uncompressed(self) -> Message | None:
        """The first pending message to compress in a worker thread before anything is sent."""
        return next((message for message in self.pending if message.needs_worker_thread), None)


class Client(ABC):
    """One connection. Only `Fanout` writes to it.

    `is_ready` says whether `send` may be called. After a `send` that took less than all, the client
    is blocked until the hub's `on_drained` is called.
    """

    __slots__ = ("deflates", "group", "is_ready", "listeners", "progress_at", "send")

    def __init__(self, send: Send, *, deflates: bool) -> None:
        self.send = send
        self.deflates = deflates
        self.is_ready = True
        self.progress_at: int | None = None
        """When the socket last took something, while the client is blocked; None if it is not."""
        self.listeners: dict[str, Listener] = {}
        self.group: Group | None = None

    @abstractmethod
    def keep_rest(self, data: bytes, sent: int) -> bool:
        """Handle a `send` that took only `sent` bytes of `data` (-1: the connection is broken).

        Return True if the rest will follow, False if the client is sent nothing of `data`. Call
        the hub's `on_drained` when there is room again.
        """

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Close with a websocket close code; the hub's `remove_client` is called in the end."""


class Listener:
    """One client's subscription to one view. `Fanout.move` changes its state.

    The other attributes are the data of the state. While it is LIVE, its frontier is the feed's
    `flushed`, and `frontier` is not kept up.
    """

    __slots__ = ("asked", "barrier", "client", "epoch", "feed", "frontier", "state")

    def __init__(self, client: Client, feed: Feed, position: Position | None) -> None:
        epochs = feed.history.epochs
        self.client = client
        self.feed = feed
        self.epoch = position.epoch if position is not None else None
        self.frontier = position.frontier if position is not None else 0
        self.asked = epochs.asked
        """The number of the last question to the engine when it came, or began to wait."""
        self.barrier = 0
        """A base counts only if it answers a later question than this one."""
        self.state = State.WAITING_FOR_BASE
        if position is not None:
            is_known = feed.history.has_epoch(position.epoch)
            self.state = State.RESUMING if is_known else State.CHECKING_EPOCH

    @property
    def is_live(self) -> bool:
        return self.state is State.LIVE

    @property
    def position(self) -> Position | None:
        """What the client has, as far as the hub knows; None if it needs a base."""
        if self.state is State.LIVE:
            return Position(self.feed.history.epochs.current or "", self.feed.flushed)
        if self.state in HAS_POSITION and self.epoch is not None:
            return Position(self.epoch, self.frontier)
        return None


GroupKey: TypeAlias = tuple[frozenset[Feed], bool]


class Group:
    """Clients that are live in the same feeds and take the same encoding."""

    __slots__ = ("deflates", "feeds", "key", "sends")

    def __init__(self, key: GroupKey) -> None:
        self.key = key
        self.feeds, self.deflates = key
        self.sends: dict[Client, Send] = {}

    def encode_pending(self, dirty: Iterable[Feed]) -> bytes:
        """Join what is pending in its feeds among `dirty`, feed by feed."""
        messages = [
            message.for_client(deflates=self.deflates)
            for feed in sorted(self.feeds.intersection(dirty), key=lambda feed: feed.name)
            for message in feed.pending
        ]
        return messages[0] if len(messages) == 1 else b"".join(messages)

    def send_all(self, data: bytes) -> list[tuple[Client, int]]:
        """Send `data` to all; return the clients that took less, with how much they took."""
        size = len(data)
        short: list[tuple[Client, int]] = []
        sends = iter(self.sends.items())
        while True:
            # The try stands outside the inner loop: a ready client costs one send.
            try:
                for client, send in sends:
                    sent = send(data)
                    if sent != size:
                        short.append((client, sent))
            except BlockingIOError:
                short.append((client, 0))
            except OSError:
                short.append((client, -1))
            else:
                return short
