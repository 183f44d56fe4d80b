"""The parts of the simulated world: engine, sockets, servers, clients, pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.framing import Encoding
from server.framing import Message as Framed
from server.hub.engine_answer import ReadBase
from server.hub.epochs import Question
from server.hub.hub import Hub
from server.hub.limits import Limits
from server.hub.listener import Client
from server.hub.view import View
from tests.server.event_reader import EventReader
from tests.server.frames import FrameReader
from tests.support.consolidate import consolidate
from viewstream.checksum import checksum
from viewstream.client.state import ViewState
from viewstream.names import parse_view
from viewstream.protocol import Base, Column, Delta, Row, Update, encode

VIEW = "v"
PART_COLUMN = "name"
COLUMNS = [Column("name", "text"), Column("n", "int8")]
LIMITS = Limits(
    log_bytes=1_000,
    log_age=60_000,
    gap_patience=3_000,
    fold_at_once=300,
    base_reuse_bytes=200,
    fold_cache_bytes=600,
    backlog_bytes=1_000,
    stall_after=20_000,
    max_parts=4,
    part_grace=7_000,
)
"""So small that every way of serving a client is taken often."""


@dataclass
class Clock:
    """The servers' steady clock, in milliseconds."""

    now: int = 100_000


class Engine:
    """The engine: one present history, and old ones that TAILs still follow."""

    def __init__(self) -> None:
        self.time = 1_000
        self.number = 1
        self.is_readable = True
        """Whether a SELECT of the view succeeds; TAIL and the questions for epochs go on."""
        self.histories: dict[str, list[Update]] = {self.epoch: []}

    @property
    def epoch(self) -> str:
        return f"1606000000000-u{self.number}"

    def change(self, epoch: str, row: Row, diff: int) -> None:
        """Add or remove `diff` copies of `row` at the present time, which is still open."""
        weight = self.rows(epoch, self.time + 1)[row]
        if weight + diff >= 0:
            self.histories[epoch].append((self.time, diff, row))

    def rows(self, epoch: str, upper: int) -> Counter[Row]:
        """The rows of that history just before `upper`."""
        rows: Counter[Row] = Counter()
        for time, diff, row in self.histories[epoch]:
            if time < upper:
                rows[row] += diff
        return +rows

    def replace(self, rows: list[Row]) -> None:
        """Drop the view and create it with another query; a restart is the same to a hub."""
        self.number += 1
        self.histories[self.epoch] = [(self.time - 1, 1, row) for row in rows]

    def delta(self, epoch: str, lower: int, upper: int) -> Delta:
        updates = consolidate(u for u in self.histories[epoch] if lower <= u[0] < upper)
        return Delta(VIEW, epoch, lower, upper, updates)


@dataclass
class Asked:
    """A question on its way; `answer` is the engine's answer, once it is made."""

    question: Question
    is_base: bool
    view: str = VIEW
    answer: tuple[str, ReadBase | None] | None = None


class FakeClient(Client):
    """A socket with room for `room` bytes; the test's client reads what it took at will."""

    def __init__(
        self, server: Server, encoding: Encoding = Encoding.FRAMES, view: str = VIEW
    ) -> None:
        super().__init__(self, encoding)
        self.server = server
        self.view = view
        self.room = 10_000_000
        self.kept = b""
        self.closed_with: tuple[int, str] | None = None
        self.reader: FrameReader | EventReader = (
            EventReader() if encoding is Encoding.EVENTS else FrameReader()
        )
        self.writes = 0
        self.bytes = 0
        self.blocks = 0
        self.bases = 0
        self.generation = server.generation_of(view)
        """Of the view when it connected, to count the breaks of the history since."""

    @property
    def is_closed(self) -> bool:
        return self.closed_with is not None

    def send(self, data: bytes) -> int:
        assert self.is_ready, "something was sent to a blocked client"
        assert not self.kept, "something was sent past what is kept back"
        assert not self.is_closed, "something was sent after the close"
        self.writes += 1
        self.bytes += len(data)
        if self.room == 0:
            raise BlockingIOError
        taken = min(self.room, len(data))
        self.room -= taken
        self.reader.feed(data[:taken])
        return taken

    def keep_rest(self, data: bytes, sent: int) -> bool:
        self.blocks += 1
        self.progress_at = self.server.clock.now
        if sent == 0:
            self.kept = self.encoding.probe
            return False
        self.kept = data[sent:]
        return True

    def drain(self, room: int) -> None:
        """Make room in the socket."""
        self.room = room
        if self.is_ready or self.is_closed:
            return
        taken, self.kept = self.kept[:room], self.kept[room:]
        self.room -= len(taken)
        self.reader.feed(taken)
        if taken:
            self.progress_at = self.server.clock.now
        if not self.kept:
            self.progress_at = None
            self.server.hub.on_drained(self)

    def close(self, code: int, reason: str) -> None:
        self.closed_with = code, reason
        self.server.hub.remove_client(self)


class Server:
    """A hub with its poller and its flusher; every turn of the event loop is a call."""

    def __init__(self, clock: Clock, views: Sequence[str] = (VIEW,)) -> None:
        self.clock = clock
        columns = {VIEW: PART_COLUMN}
        self.hub = Hub(views, LIMITS, self._on_work, self._on_question, columns)
        self.is_work_due = False
        self.noted = {(VIEW, "base"), (VIEW, "epoch")}
        """Questions of the hub that the poller knows of; at its start it asks both."""
        self.asked: list[Asked] = []
        self.questions = {True: 0, False: 0}
        """How many questions were asked for a base, and for the epoch only."""
        self.epoch_asked_at = 0
        self.paced_due: int | None = None
        """When the flusher's timer for clients with a pace fires."""

    @property
    def view(self) -> View:
        return self.hub._views[VIEW]

    def views(self) -> list[View]:
        """The view and its parts that are open."""
        return list(self.hub._views)

    def open_parts(self) -> set[str]:
        """The names of the parts that are open."""
        return {part.name for part in self.hub._parts}

    def generation_of(self, name: str) -> int:
        """How often the history of the view, or part, has broken."""
        view = self.hub._views.find(name)
        return 0 if view is None else view.history.generation

    def ask(self, *, is_base: bool, view: str = VIEW) -> None:
        if view == VIEW:
            self.questions[is_base] += 1
        if not is_base:
            self.epoch_asked_at = self.clock.now
        self.asked.append(Asked(self.hub.questions.ask(view, for_base=is_base), is_base, view))

    def _on_work(self) -> None:
        self.is_work_due = True

    def _on_question(self, view: str) -> None:
        assert self.hub.questions.wants_base(view) or self.hub.questions.wants_epoch(view), (
            "there is no question"
        )
        self.noted |= {(view, "base"), (view, "epoch")}

    def check_callbacks(self) -> None:
        """The hub has called for everything that it needs."""
        if self.hub.has_pending or self.hub._fanout.queue:
            assert self.is_work_due, "the flusher knows nothing of it"
        for view in self.views():
            for kind, is_wanted in [("base", view.wants_base), ("epoch", view.wants_epoch)]:
                if not is_wanted:
                    self.noted.discard((view.name, kind))
                assert not is_wanted or (view.name, kind) in self.noted, "the poller does not know"

    def flush(self) -> None:
        """Flush, as the flusher does once it was called."""
        self.is_work_due = len(self.hub._fanout.queue) > 0
        self.hub.flush()
        self.paced_due = self.hub.flush_paced(self.clock.now)
        self.check_callbacks()

    def turn(self) -> None:
        """Do everything that the event loop would do by itself."""
        self.check_callbacks()
        while self.hub.has_pending or self.is_pace_due or self.admit():
            self.flush()
        self.is_work_due = False
        self.check_callbacks()

    @property
    def is_pace_due(self) -> bool:
        return self.paced_due is not None and self.paced_due <= self.clock.now

    def admit(self) -> bool:
        return self.hub.admit(self.clock.now)


@dataclass
class Follower:
    """A client, with its connection if it has one."""

    state: ViewState = field(default_factory=lambda: ViewState(VIEW))
    connection: FakeClient | None = None
    encoding: Encoding = Encoding.FRAMES
    every: int = 0

    @property
    def name(self) -> str:
        """The view, or the part."""
        return self.state.view


@dataclass
class Pipeline:
    """A TAIL of one history, closed up to `time`, and how far of it has been posted."""

    epoch: str
    posted: int


def rows_of(rows: Counter[Row], view: str) -> Counter[Row]:
    """The rows of the view that are of this view or part."""
    part = parse_view(view).part
    if part is None:
        return rows
    return Counter({row: weight for row, weight in rows.items() if row[0] == part.value})


def make_base(
    engine: Engine, epoch: str, time: int, question: Question, now: int, view: str = VIEW
) -> ReadBase:
    """Make the base that a SELECT at the last closed time gives."""
    upper = time
    rows = sorted(rows_of(engine.rows(epoch, upper), view).elements(), key=repr)
    total = checksum((1, row) for row in rows)
    base = Base(view, epoch, upper, COLUMNS, rows, total)
    message = Framed(encode(base), LIMITS.compress_from)
    names = tuple(column.name for column in COLUMNS)
    return ReadBase(upper, total, message, question.number, now, columns=names)
