"""Clients as the hub sees them, their listeners, and what the live ones are to be sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Set
from itertools import chain
from typing import NamedTuple, Protocol

from server.framing import Encoding, Message, encode_event_id
from server.hub.history import History
from server.hub.states import State
from server.hub.tallies import Resume
from viewstream.protocol import Position

SENDERS_AT_ONCE = 128
"""Senders of a slice in `Group.send_all`: few enough to stay in a CPU's cache until their turn."""


class Sender(Protocol):
    """Takes bytes as a non-blocking socket does, and usually is one."""

    def send(self, data: bytes, /) -> int:
        """Return how many bytes were taken; raise OSError if none were."""


class Pending(NamedTuple):
    """A message that live listeners are to be sent, and the frontier after it if it is a delta."""

    message: Message
    upper: int | None = None


class Feed:
    """The messages that the live listeners of one view are to be sent, those of one pace."""

    __slots__ = (
        *("_large", "ahead", "every", "flushed", "history", "listeners", "name", "pending"),
        "without_status",
    )

    def __init__(self, name: str, history: History, every: int = 0) -> None:
        self.name = name
        self.history = history
        self.every = every
        """The pace: at least so many milliseconds are between two flushes."""
        self.listeners = 0
        """How many listeners it has."""
        self.pending: list[Pending] = []
        """Messages that the live listeners have not been sent; the last delta ends at the head."""
        self._large: list[Message] = []
        """The pending messages that need a worker thread, or needed one."""
        self.flushed = 0
        """The frontier of all live listeners."""
        self.ahead: dict[Listener, None] = {}
        """The listeners that are AHEAD."""
        self.without_status: set[Listener] = set()
        """Listeners of blocked clients that were not sent the last status."""

    def add(self, message: Message, upper: int | None = None) -> None:
        """Add a message to those that are pending; a delta has an `upper`."""
        self.pending.append(Pending(message, upper))
        if message.needs_worker_thread:
            self._large.append(message)

    def clear(self) -> None:
        """Drop all that is pending."""
        self.pending.clear()
        self._large.clear()

    @property
    def uncompressed(self) -> Message | None:
        """The first pending message to compress in a worker thread before anything is sent."""
        if not self._large:
            return None
        return next((message for message in self._large if message.needs_worker_thread), None)

    @property
    def has_delta(self) -> bool:
        """Whether a delta is pending."""
        return any(pending.upper is not None for pending in self.pending)

    @property
    def has_status(self) -> bool:
        """Whether a status is pending."""
        return any(pending.upper is None for pending in self.pending)

    def position(self, frontier: int) -> Position:
        return Position(self.history.epochs.current or "", frontier)


class Client(ABC):
    """One connection. Only `Fanout` writes to it, by its `sender`.

    `is_ready` says whether that may send. After a `send` that took less than all, the client is
    blocked until the hub's `on_drained` is called.
    """

    __slots__ = (
        *("encoding", "every", "group", "is_ready", "listeners", "network", "progress_at"),
        *("sender", "takes_weights"),
    )

    def __init__(self, sender: Sender, encoding: Encoding) -> None:
        self.sender = sender
        self.encoding = encoding
        self.is_ready = True
        self.takes_weights = False
        """Whether it takes bases with weights."""
        self.every = 0
        """The pace of all its views: one of `PACES`, or 0 for each change at once."""
        self.network = ""
        """The network from which it came, for the limits by address."""
        self.progress_at: int | None = None
        """When the socket last took something, while the client is blocked; None if it is not."""
        self.listeners: dict[str, Listener] = {}
        self.group: Group | None = None

    @property
    def positions(self) -> dict[str, Position]:
        """The positions that the client has, by view."""
        found = {name: listener.position for name, listener in self.listeners.items()}
        return {name: position for name, position in found.items() if position is not None}

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

    __slots__ = ("asked", "barrier", "client", "epoch", "feed", "frontier", "state", "why_base")

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
        self.why_base: Resume | None = None
        """Why it needs a base although it came with a position."""
        self.state = State.WAITING_FOR_BASE
        if position is not None:
            is_known = feed.history.has_epoch(position.epoch)
            self.state = State.RESUMING if is_known else State.CHECKING_EPOCH

    @property
    def is_live(self) -> bool:
        return self.state is State.LIVE

    @property
    def position(self) -> Position | None:
        """The position that the client has; None if it never had one.

        It has one also while it waits for a base: the base must not be below it, at any server.
        """
        if self.state is State.LIVE:
            return self.feed.position(self.feed.flushed)
        return None if self.epoch is None else Position(self.epoch, self.frontier)


class GroupKey(NamedTuple):
    """Everything that clients must have in common to be sent the same bytes."""

    feeds: frozenset[Feed]
    encoding: Encoding
    others: tuple[tuple[str, Position], ...] = ()
    """Only of event streams, whose ids name them: positions in views where they are not live."""


class Group:
    """Clients that are live in the same feeds and take the same bytes."""

    __slots__ = ("_clients", "_senders", "key")

    def __init__(self, key: GroupKey) -> None:
        self.key = key
        self._clients: dict[Sender, Client] = {}
        self._senders: list[Sender] = []
        """The senders of all clients, or nothing if that has to be made again."""

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: Client) -> None:
        self._clients[client.sender] = client
        self._senders = []

    def remove(self, client: Client) -> None:
        del self._clients[client.sender]
        self._senders = []

    def encode_pending(self, dirty: Set[Feed]) -> bytes:
        """Join what is pending in its feeds among `dirty`, feed by feed."""
        feeds = sorted(self.key.feeds & dirty, key=lambda feed: feed.name)
        if self.key.encoding is Encoding.EVENTS:
            parts = self._events(feeds)
        else:
            parts = [
                pending.message.encoded(self.key.encoding)
                for feed in feeds
                for pending in feed.pending
            ]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _events(self, feeds: Iterable[Feed]) -> list[bytes]:
        """Each message with the positions that a client has after it."""
        positions = {feed.name: feed.position(feed.flushed) for feed in self.key.feeds}
        positions.update(self.key.others)
        parts = []
        for feed in feeds:
            for message, upper in feed.pending:
                if upper is not None:
                    positions[feed.name] = feed.position(upper)
                event_id = encode_event_id(positions.items())
                parts.append(message.encoded(Encoding.EVENTS, event_id))
        return parts

    def send_all(self, data: bytes) -> list[tuple[Client, int]]:
        """Send `data` to all; return the clients that took less, with how much they took.

        A sender was last touched before thousands of others, so that it has to be fetched from
        memory. To copy a slice of them fetches many at once, for a tenth of the cost of `send`.
        """
        size = len(data)
        short: list[tuple[Client, int]] = []
        senders = self._senders = self._senders or list(self._clients)
        starts = range(0, len(senders), SENDERS_AT_ONCE)
        for sender in chain.from_iterable(senders[at : at + SENDERS_AT_ONCE] for at in starts):
            try:
                sent = sender.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = -1
            if sent != size:
                short.append((self._clients[sender], sent))
        return short
