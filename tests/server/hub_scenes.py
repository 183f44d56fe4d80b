"""Scenes with which most tests of single hub rules begin."""

from __future__ import annotations

from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.post_check import Outcome
from tests.server.simulated import LIMITS, VIEW, FakeClient, Follower, Server, make_base
from tests.server.world import World
from viewstream.protocol import MAX_TIME, Base, Delta, Message, Position, Status, decode


def live_world(count: int = 1) -> tuple[World, list[Follower]]:
    """A server with a log from 1000 on, and clients that are live there."""
    world = World()
    server = world.servers[0]
    world.work(server)
    followers = [Follower() for _ in range(count)]
    for follower in followers:
        world.connect(server, follower)
        server.turn()
        world.read(follower)
    return world, followers


def connect(server: Server, position: Position | None = None, room: int = 10_000_000) -> FakeClient:
    """Add a client that is only a socket."""
    client = FakeClient(server)
    client.room = room
    server.hub.add_client(client, {VIEW: position})
    return client


def post_rows(world: World, *names: str) -> None:
    """Post one more millisecond, in which a row of each name comes."""
    for name in names:
        world.engine.change(world.engine.epoch, (name, "1"), 1)
    world.engine.time += 1
    pipeline = world.pipelines[-1]
    assert world.post(world.servers[0], pipeline, 0, 1) is Outcome.TAKEN


def let_end(world: World) -> None:
    """Let the engine say that the view can no longer change, by a base."""
    server, engine = world.servers[0], world.engine
    server.ask(is_base=True)
    question = server.asked.pop().question
    base = make_base(engine, engine.epoch, MAX_TIME, question, world.now)
    server.hub.questions.take_answer(VIEW, EngineAnswer(question, engine.epoch, world.now, base))


def received(client: FakeClient) -> list[Base | Delta]:
    """The messages that the socket took since the last call, except statuses."""
    messages = [decode(text) for text in client.reader.messages()]
    return [message for message in messages if not isinstance(message, Status)]


def statuses(client: FakeClient) -> list[Status]:
    messages: list[Message] = [decode(text) for text in client.reader.messages()]
    return [message for message in messages if isinstance(message, Status)]


def client_of(follower: Follower) -> FakeClient:
    assert follower.connection is not None
    return follower.connection


def last_base(server: Server) -> ReadBase:
    base = server.view.history.base
    assert base is not None
    return base


def far_behind() -> tuple[World, list[Follower]]:
    """Two clients that have disconnected, after which much came and went: little of it is left."""
    world, followers = live_world(2)
    server = world.servers[0]
    for n in range(10):
        world.engine.change(world.engine.epoch, (f"of the view {n}", "1"), 1)
    world.engine.time += 1
    world.work(server)
    world.ask_now(server, is_base=True)
    for follower in followers:
        world.read(follower)
        world.disconnect(follower)
    for diff in (1, -1):
        world.engine.change(world.engine.epoch, ("comes and goes " * 22, "1"), diff)
        world.engine.time += 1
        world.work(server)
    assert server.hub.report(VIEW, world.now).log_bytes > LIMITS.fold_at_once
    return world, followers


def fail_epoch(world: World, reason: str = "it is away") -> None:
    server = world.servers[0]
    server.ask(is_base=False)
    world.fail(server, server.asked[-1], reason)
