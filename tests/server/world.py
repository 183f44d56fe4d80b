"""A world around hubs, without sockets, clocks or awaits: engine, pipelines, clients, servers.

Everything that can happen to the protocol is a method here, and happens only when it is called: an
answer of the engine is made at one moment and arrives at another, a socket takes some bytes and no
more, a pipeline posts any part of a history again. Clients are `viewstream.client.state`, the core
that Python clients run.

The truth is `Engine.histories`: all that ever happened in each epoch. `check` compares every client
with it; a client that would have to close its connection (a gap, a checksum) fails at once. Costs
are counted (bases, writes, bytes, reads, questions) and bounded: see `check_steady`.
"""

from __future__ import annotations

from collections import Counter

from server.framing import Encoding, parse_event_id
from server.http.table import make_table
from server.hub.engine_answer import EngineAnswer, EngineFailure
from server.hub.post_check import Outcome
from tests.server.event_reader import EventReader
from tests.server.simulated import (
    VIEW,
    Asked,
    Clock,
    Engine,
    FakeClient,
    Follower,
    Pipeline,
    Server,
    make_base,
    rows_of,
)
from viewstream.client.state import ViewState, receive
from viewstream.names import parse_view
from viewstream.protocol import Base, Delta, Message, Status, decode


class World:
    def __init__(self, servers: int = 1) -> None:
        self.clock = Clock()
        self.engine = Engine()
        self.servers = [Server(self.clock) for _ in range(servers)]
        self.followers: list[Follower] = []
        self.pipelines: list[Pipeline] = []

    @property
    def now(self) -> int:
        return self.clock.now

    # --- the engine --------------------------------------------------------------------------

    def pass_time(self, milliseconds: int) -> None:
        self.clock.now += milliseconds
        self.engine.time += milliseconds
        for server in self.servers:
            server.hub.on_tick(self.now)

    def make_answer(self, asked: Asked) -> None:
        """Let the engine answer, if it can; the answer has not arrived yet."""
        if asked.is_base and not self.engine.is_readable:
            return
        if asked.answer is not None:
            return
        engine, base = self.engine, None
        if asked.is_base:
            base = make_base(
                engine, engine.epoch, engine.time, asked.question, self.now, asked.view
            )
        asked.answer = (engine.epoch, base)

    def deliver(self, server: Server, asked: Asked) -> None:
        """Let the answer arrive."""
        self.make_answer(asked)
        if asked.answer is None:
            self.fail(server, asked)
            return
        server.asked.remove(asked)
        epoch, base = asked.answer
        server.hub.questions.take_answer(
            asked.view, EngineAnswer(asked.question, epoch, self.now, base)
        )

    def fail(
        self, server: Server, asked: Asked, reason: str = "the engine does not answer"
    ) -> None:
        """Let the question fail."""
        server.asked.remove(asked)
        server.hub.questions.take_failure(
            asked.view, EngineFailure(reason, self.now, asked.is_base)
        )

    def ask_now(self, server: Server, *, is_base: bool, view: str = VIEW) -> None:
        """Ask the engine, and let it answer at once."""
        server.ask(is_base=is_base, view=view)
        self.deliver(server, server.asked[-1])

    def read_parts(self, server: Server) -> None:
        """Read a base of each part that wants one."""
        for name in server.open_parts():
            if server.hub.questions.wants_base(name):
                self.ask_now(server, is_base=True, view=name)

    # --- pipelines ---------------------------------------------------------------------------

    def start_pipeline(self, *, back: int = 0) -> Pipeline:
        """Start a TAIL from the present on, or from a little before; its epoch proves it."""
        pipeline = Pipeline(self.engine.epoch, max(1, self.engine.time - back))
        self.pipelines.append(pipeline)
        return pipeline

    def post(self, server: Server, pipeline: Pipeline, back: int, ahead: int) -> Outcome:
        """Post from `back` before its position to `ahead` after, as far as time is closed."""
        lower = max(1, pipeline.posted - back)
        upper = max(lower, min(self.engine.time, pipeline.posted + ahead))
        delta = self.engine.delta(pipeline.epoch, lower, upper)
        outcome = server.hub.take_delta(delta, self.now, server.hub.questions.last(VIEW))
        if outcome in (Outcome.TAKEN, Outcome.HAD):
            pipeline.posted = max(pipeline.posted, upper)
        if outcome is Outcome.ENDED:
            assert pipeline.epoch != self.engine.epoch
            self.pipelines.remove(pipeline)
        return outcome

    def repost(self, server: Server, epoch: str, asked: int, lower: int, upper: int) -> Outcome:
        """Post any part of a history, whose question was asked long ago: a retry that is late."""
        return server.hub.take_delta(self.engine.delta(epoch, lower, upper), self.now, asked)

    def settle_epoch(self, server: Server, pipeline: Pipeline) -> None:
        """A POST of an unknown epoch waits for one question, and no longer."""
        asked = server.hub.questions.last(VIEW)
        delta = self.engine.delta(pipeline.epoch, pipeline.posted, pipeline.posted)
        if server.hub.take_delta(delta, self.now, asked) is Outcome.UNKNOWN:
            self.ask_now(server, is_base=False)
            assert server.hub.questions.is_settled(VIEW, asked)
            assert server.hub.take_delta(delta, self.now, asked) is not Outcome.UNKNOWN

    # --- clients -----------------------------------------------------------------------------

    def connect(self, server: Server, follower: Follower) -> None:
        """Connect, or reconnect with a position."""
        if follower.connection is not None:
            self.disconnect(follower)
        name = parse_view(follower.name)
        if name.part is not None:
            assert server.hub.open_parts([name], self.now)
        client = FakeClient(server, follower.encoding, follower.name)
        follower.connection = client
        server.hub.add_client(
            client, {follower.name: follower.state.position}, every=follower.every
        )

    def disconnect(self, follower: Follower) -> None:
        """Disconnect, and lose what was still on the way."""
        client = follower.connection
        if client is not None:
            client.close(1000, "")
            follower.connection = None
            follower.state.disconnect()

    def read(self, follower: Follower) -> list[Message]:
        """Let the client read what its socket was sent; it must be able to use all of it."""
        client = follower.connection
        if client is None:
            return []
        events = client.reader.events if isinstance(client.reader, EventReader) else []
        ids = [event.id for event in events]
        messages = [decode(text) for text in client.reader.messages()]
        for number, message in enumerate(messages):
            check_step(follower.state, message)
            self.check_times(message)
            receive(follower.state, message)
            self.check(follower)
            client.bases += isinstance(message, Base)
            if ids and not isinstance(message, Status):
                assert parse_event_id(ids[number]) == {follower.name: follower.state.position}
        breaks = client.server.generation_of(follower.name) - client.generation
        assert client.bases <= 1 + breaks + client.blocks, "more bases than there was reason for"
        return messages

    def work(self, server: Server) -> None:
        """Let everything go well, as most of the time: answers come, pipelines post, turns pass."""
        self.ask_now(server, is_base=server.view.wants_base)
        self.read_parts(server)
        if all(pipeline.epoch != self.engine.epoch for pipeline in self.pipelines):
            self.start_pipeline()
        for pipeline in list(self.pipelines):
            self.settle_epoch(server, pipeline)
            head = server.hub.report(VIEW, self.now).head
            lower = min(pipeline.posted, head or pipeline.posted)
            self.post(server, pipeline, pipeline.posted - lower, self.engine.time)
        server.turn()

    # --- what must hold ----------------------------------------------------------------------

    def check(self, follower: Follower) -> None:
        """Invariants 1, 2, 3 and 7: a client has exactly the rows that there were."""
        position = follower.state.position
        if position is not None:
            truth = rows_of(self.engine.rows(position.epoch, position.frontier), follower.name)
            assert follower.state.rows == truth, (position, follower.state.rows, truth)
            assert not follower.state.is_unverified

    def check_times(self, message: Message) -> None:
        """A delta that is not folded has every update of its interval, at its time."""
        if isinstance(message, Delta) and not message.folded:
            truth = self.engine.delta(message.epoch, message.lower, message.upper).updates
            part = parse_view(message.view).part
            expected = [one for one in truth if part is None or one[2][0] == part.value]
            assert Counter(message.updates) == Counter(expected)

    def check_snapshot(self, server: Server, view: str = VIEW) -> None:
        """The rows that /view/rows answers with are those of a SELECT, at the head or above."""
        name = parse_view(view)
        if name.part is not None:
            assert server.hub.open_parts([name], self.now)
        snapshot = server.hub.snapshot(view, server.hub.questions.last(view), self.now)
        if snapshot is None:
            assert server.hub.questions.wants_base(view)
            return
        truth = rows_of(self.engine.rows(snapshot.epoch, snapshot.upper), view)
        assert Counter(make_table(snapshot).rows) == truth
        assert snapshot.upper >= server.view.history.head

    def settle(self) -> None:
        """Let everything work: soon all clients must have the present view."""
        self.engine.is_readable = True
        for server in self.servers:
            for asked in list(server.asked):
                self.deliver(server, asked)
        self.pass_time(10_000)
        self.pipelines = [self.start_pipeline()]
        for _ in range(SECONDS_TO_SETTLE):
            for follower in self.followers:
                if follower.connection is None or follower.connection.is_closed:
                    self.connect(self.servers[0], follower)
            self.run_a_second()
        for follower in self.followers:
            position = follower.state.position
            assert position is not None
            assert position.epoch == self.engine.epoch
            assert position.frontier >= self.engine.time - (0 if follower.name == VIEW else 1_000)
            self.check(follower)

    def run_a_second(self) -> dict[int, list[Message]]:
        """Let everything go well for a second; return what each follower read."""
        self.pass_time(1_000)
        (pipeline,) = self.pipelines
        for server in self.servers:
            if server.view.wants_base:
                self.ask_now(server, is_base=True)
            self.read_parts(server)
            if server.view.wants_epoch or self.now - server.epoch_asked_at >= 3_000:
                self.ask_now(server, is_base=False)
            self.settle_epoch(server, pipeline)
            head = server.hub.report(VIEW, self.now).head
            lower = pipeline.posted if head is None else min(head, pipeline.posted)
            self.repost(server, pipeline.epoch, 0, lower, self.engine.time)
        pipeline.posted = self.engine.time
        messages: dict[int, list[Message]] = {}
        for number, follower in enumerate(self.followers):
            assert follower.connection is not None
            for _ in range(3):
                follower.connection.drain(10_000_000)
                follower.connection.server.turn()
            messages[number] = self.read(follower)
        return messages

    def check_steady(self) -> None:
        """Bound the costs of a minute in which nothing goes wrong.

        One write for each client and second, of one delta; no base; the
        view is read once, for the audit; a checksum every few seconds.
        """
        reads = [server.questions[True] for server in self.servers]
        clients = [one.connection for one in self.followers if one.connection is not None]
        before = [(client.writes, client.bytes, client.bases) for client in clients]
        deltas = [0] * len(self.followers)
        sums = [0] * len(self.followers)
        for n in range(60):
            self.engine.change(self.engine.epoch, (f"row {n}", str(n)), 1)
            for number, messages in self.run_a_second().items():
                for message in messages:
                    if isinstance(message, Delta):
                        deltas[number] += 1
                        sums[number] += message.checksum is not None
        for client, (writes, size, bases) in zip(clients, before, strict=True):
            assert client.bases == bases, "a base that nobody needs"
            assert client.writes - writes <= 60, "more than one write for a flush"
            extra = EVENT_BYTES if client.encoding is Encoding.EVENTS else 0
            assert client.bytes - size <= 60 * (DELTA_BYTES + extra), "more than the changes"
        for follower, count in zip(self.followers, deltas, strict=True):
            # A part without changes gets its progress by the clock, and may be ahead at first.
            assert count in ((60,) if follower.name == VIEW else (59, 60))
        assert all(11 <= count <= 13 for count in sums), "a checksum every 5 s"
        for server, count in zip(self.servers, reads, strict=True):
            assert server.questions[True] - count <= 1, "more reads than the audit needs"
            assert not server.view.history.mismatches
            assert server.hub.report(VIEW, self.now).problem is None


SECONDS_TO_SETTLE = 2
"""Seconds after which every client is at the head, once nothing goes wrong any more."""
DELTA_BYTES = 140
"""Bound on the mean bytes of a second: a delta of one row."""
EVENT_BYTES = 75
"""The same of an event's fields: type, id and line ends."""


def check_step(state: ViewState, message: Message) -> None:
    """Our server sends only what a client can use: never what it has, or had."""
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
