"""A world around hubs, without sockets, clocks or awaits: engine, pipelines, clients, servers.

Everything that can happen to the protocol is a method here, and happens only when it is called: an
answer of the engine is made at one moment and arrives at another, a socket takes some
bytes and no more, a pipeline posts what it likes of a history again. What clients do is
`viewstream.client.state`, the very core that Python clients run.

The truth is `Engine.histories`: all that ever happened in each epoch. `check` compares every client
with it; a client that would have to close its connection (a gap, a checksum) fails at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from server.framing import Message as Framed
from server.hub.epochs import Question
from server.hub.history import Outcome, ReadBase
from server.hub.hub import Hub
from server.hub.limits import Limits
from server.hub.listener import Client
from server.hub.view import View
from tests.server.frames import FrameReader
from tests.support.consolidate import consolidate
from viewstream.checksum import checksum
from viewstream.client.state import ViewState, receive
from viewstream.protocol import Base, Column, Delta, Message, Row, Status, Update, decode, encode

VIEW = "v"
COLUMNS = [Column("name", "text"), Column("n", "int8")]
LIMITS = Limits(
    log_bytes=1_000,
    log_age=60_000,
    gap_patience=3_000,
    fold_at_once=300,
    base_reuse_bytes=200,
    fold_cache_bytes=600,
    backlog_bytes=1_000,
)
"""So small that every way of serving a client is taken often."""


class Engine:
    """What the engine holds: one present history, and old ones that TAILs still follow."""

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
        """At the present time, which is still open, `diff` copies of `row` come or go."""
        held = self.rows(epoch, self.time + 1)[row]
        if held + diff >= 0:
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
    """A question on its way; `answer` is what the engine said, once it has."""

    question: Question
    is_base: bool
    answer: tuple[str, ReadBase | None] | None = None


class FakeClient(Client):
    """A socket with room for `room` bytes; what it took is read by the test's client at will."""

    def __init__(self, world: World, server: Server, *, deflates: bool) -> None:
        super().__init__(self._take, deflates=deflates)
        self.world = world
        self.server = server
        self.room = 10_000_000
        self.kept = b""
        self.is_closed = False
        self.reader = FrameReader()

    def _take(self, data: bytes) -> int:
        assert not self.kept, "something was sent past what is held back"
        assert not self.is_closed, "something was sent after the close"
        if self.room == 0:
            raise BlockingIOError
        taken = min(self.room, len(data))
        self.room -= taken
        self.reader.feed(data[:taken])
        return taken

    def keep_rest(self, data: bytes, sent: int) -> bool:
        if sent == 0:
            self.kept = b"\x8a\x00"
            return False
        self.kept = data[sent:]
        return True

    def drain(self, room: int) -> None:
        """The socket has room again."""
        self.room = room
        if self.is_ready or self.is_closed:
            return
        taken, self.kept = self.kept[:room], self.kept[room:]
        self.room -= len(taken)
        self.reader.feed(taken)
        if not self.kept:
            self.server.hub.on_drained(self)

    def close(self, code: int, reason: str) -> None:
        self.is_closed = True
        self.server.hub.remove_client(self)


class Server:
    """A hub with what asks and pumps for it; every turn of its loop is called for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hub = Hub([VIEW], LIMITS, lambda: None, lambda view: None)
        self.asked: list[Asked] = []

    @property
    def view(self) -> View:
        return self.hub._views[VIEW]

    def ask(self, *, is_base: bool) -> None:
        self.asked.append(Asked(self.hub.ask(VIEW, for_base=is_base), is_base))

    def turn(self) -> None:
        """Everything that the loop would do by itself."""
        while self.hub.has_pending or self.admit():
            self.hub.flush()

    def admit(self) -> bool:
        return self.hub.admit(self.world.now)


@dataclass
class Follower:
    """A client, with its connection if it has one."""

    state: ViewState = field(default_factory=lambda: ViewState(VIEW))
    connection: FakeClient | None = None
    deflates: bool = False


@dataclass
class Pipeline:
    """A TAIL of one history, closed up to `time`, and how far of it has been posted."""

    epoch: str
    posted: int


class World:
    def __init__(self, servers: int = 1) -> None:
        self.now = 100_000
        self.engine = Engine()
        self.servers = [Server(self) for _ in range(servers)]
        self.followers: list[Follower] = []
        self.pipelines: list[Pipeline] = []

    # --- the engine --------------------------------------------------------------------------

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.engine.time += milliseconds
        for server in self.servers:
            server.hub.on_tick(self.now)

    def make_answer(self, asked: Asked) -> None:
        """The engine answers, if it can; nobody knows of it yet."""
        if asked.is_base and not self.engine.is_readable:
            return
        if asked.answer is not None:
            return
        engine, base = self.engine, None
        if asked.is_base:
            base = make_base(engine, engine.epoch, engine.time, asked.question, self.now)
        asked.answer = (engine.epoch, base)

    def deliver(self, server: Server, asked: Asked) -> None:
        """The answer arrives."""
        self.make_answer(asked)
        if asked.answer is None:
            self.fail(server, asked)
            return
        server.asked.remove(asked)
        epoch, base = asked.answer
        server.hub.take_answer(VIEW, asked.question, epoch, base, self.now)

    def fail(self, server: Server, asked: Asked) -> None:
        """The engine does not answer."""
        server.asked.remove(asked)
        server.hub.take_failure(
            VIEW, "the engine does not answer", self.now, for_base=asked.is_base
        )

    # --- pipelines ---------------------------------------------------------------------------

    def start_pipeline(self, *, back: int = 0) -> Pipeline:
        """A TAIL from the present on, or from a little before; it is proved by its epoch."""
        pipeline = Pipeline(self.engine.epoch, max(1, self.engine.time - back))
        self.pipelines.append(pipeline)
        return pipeline

    def post(self, server: Server, pipeline: Pipeline, back: int, ahead: int) -> Outcome:
        """Post from `back` before where it stands to `ahead` after, as far as time is closed."""
        lower = max(1, pipeline.posted - back)
        upper = max(lower, min(self.engine.time, pipeline.posted + ahead))
        delta = self.engine.delta(pipeline.epoch, lower, upper)
        outcome = server.hub.take_delta(delta, self.now, server.hub.last_question(VIEW))
        if outcome in (Outcome.TAKEN, Outcome.HAD):
            pipeline.posted = max(pipeline.posted, upper)
        if outcome is Outcome.ENDED:
            assert pipeline.epoch != self.engine.epoch
            self.pipelines.remove(pipeline)
        return outcome

    def repost(self, server: Server, epoch: str, asked: int, lower: int, upper: int) -> None:
        """A POST of some history whose question was put long ago: a retry that comes late."""
        server.hub.take_delta(self.engine.delta(epoch, lower, upper), self.now, asked)

    # --- clients -----------------------------------------------------------------------------

    def connect(self, server: Server, follower: Follower) -> None:
        """Come, or come back."""
        if follower.connection is not None:
            self.disconnect(follower)
        client = FakeClient(self, server, deflates=follower.deflates)
        follower.connection = client
        server.hub.add_client(client, {VIEW: follower.state.position})

    def disconnect(self, follower: Follower) -> None:
        """Go, and lose what was still on the way."""
        client = follower.connection
        if client is not None:
            client.close(1000, "")
            follower.connection = None
            follower.state.disconnected()

    def read(self, follower: Follower) -> None:
        """The client takes what its socket was sent, and must be able to."""
        if follower.connection is not None:
            for text in follower.connection.reader.messages():
                message = decode(text)
                check_step(follower.state, message)
                receive(follower.state, message)
                self.check(follower)

    def work(self, server: Server) -> None:
        """What goes well most of the time: answers come, pipelines post, turns pass."""
        server.ask(is_base=server.view.wants_base)
        self.deliver(server, server.asked[-1])
        if all(pipeline.epoch != self.engine.epoch for pipeline in self.pipelines):
            self.start_pipeline()
        for pipeline in list(self.pipelines):
            lower = min(pipeline.posted, server.view.history.head or pipeline.posted)
            self.post(server, pipeline, pipeline.posted - lower, self.engine.time)
        server.turn()

    # --- what must hold ----------------------------------------------------------------------

    def check(self, follower: Follower) -> None:
        """Invariants 1, 2, 3 and 7: what a client holds is what was there."""
        position = follower.state.position
        if position is not None:
            truth = self.engine.rows(position.epoch, position.frontier)
            assert follower.state.rows == truth, (position, follower.state.rows, truth)
            assert not follower.state.unverified

    def settle(self) -> None:
        """Let everything work for long enough: all must come to hold the present view."""
        self.engine.is_readable = True
        for server in self.servers:
            for asked in list(server.asked):
                self.deliver(server, asked)
        self.pass_time(10_000)
        pipeline = self.start_pipeline()
        for follower in self.followers:
            if follower.connection is None or follower.connection.is_closed:
                self.disconnect(follower)
                self.connect(self.servers[0], follower)
        for _ in range(8):
            self.pass_time(5_000)
            for server in self.servers:
                server.ask(is_base=server.view.wants_base)
                self.deliver(server, server.asked[-1])
                lower = server.view.history.head or pipeline.posted
                if (
                    server.view.history.epochs.current == pipeline.epoch
                    and lower >= pipeline.posted
                ):
                    self.repost(server, pipeline.epoch, 0, lower, self.engine.time)
                else:
                    self.repost(server, pipeline.epoch, 0, pipeline.posted, self.engine.time)
                server.turn()
            for follower in self.followers:
                for _ in range(3):
                    assert follower.connection is not None
                    follower.connection.drain(10_000_000)
                    follower.connection.server.turn()
                self.read(follower)
        for follower in self.followers:
            position = follower.state.position
            assert position is not None
            assert position.epoch == self.engine.epoch
            assert position.frontier >= self.engine.time
            self.check(follower)


def check_step(state: ViewState, message: Message) -> None:
    """Our server says only what a client can use: it never sends what it has, or had."""
    position = state.position
    if position is None or isinstance(message, Status):
        return
    if message.epoch != position.epoch:
        assert isinstance(message, Base), "a delta of an epoch whose base did not come"
        assert number_of(message.epoch) > number_of(position.epoch), "back to an older history"
    elif isinstance(message, Base):
        assert message.upper >= position.frontier, "a base below what the client has"
    else:
        assert message.lower == position.frontier, "not adjacent"


def number_of(epoch: str) -> int:
    return int(epoch.partition("-u")[2])


def make_base(engine: Engine, epoch: str, time: int, question: Question, now: int) -> ReadBase:
    """The base that a SELECT at the last closed time gives."""
    upper = time
    rows = sorted(engine.rows(epoch, upper).elements())
    total = checksum((1, row) for row in rows)
    base = Base(VIEW, epoch, upper, COLUMNS, rows, total)
    message = Framed(encode(base), LIMITS.compress_from)
    return ReadBase(upper, total, message, question.number, now)
