"""Any interleaving of all that can happen to the protocol, against the world's plain truth.

Holds invariants 1 (the rows at a frontier are those of a SELECT), 2 (intervals are adjacent), 3 (no
half timestamps), 4 (everybody converges) and 7 (histories are never mixed), for clients
with a pace and without.
"""

from __future__ import annotations

import random

import pytest

from server.framing import Encoding
from server.hub.view import View
from tests.server.simulated import VIEW, Follower, Server
from tests.server.world import World
from viewstream.client.state import ViewState
from viewstream.protocol import Row

ROWS: list[Row] = [(name, str(n)) for name in ("a", "b c", None) for n in range(2)]
PARTS = ["v[name=a]", "v[name='b c']", "v[name is null]", "v[name='']"]
"""Three with rows, and one that never has any."""


class Actions:
    """Each of the world's moves, chosen by numbers: any number makes sense."""

    def __init__(self, servers: int) -> None:
        self.world = World(servers)

    def server(self, n: int) -> Server:
        return self.world.servers[n % len(self.world.servers)]

    def change(self, epoch: int, row: int, diff: int) -> None:
        epochs = list(self.world.engine.histories)
        self.world.engine.change(epochs[-1 - epoch % len(epochs)], ROWS[row % len(ROWS)], diff)

    def pass_time(self, span: int) -> None:
        self.world.pass_time(1 + span)

    def replace(self, row: int) -> None:
        self.world.engine.replace(ROWS[: row % len(ROWS)])

    def ask(self, n: int, kind: int) -> None:
        self.server(n).ask(is_base=bool(kind % 2))

    def answer(self, n: int, which: int) -> None:
        asked = self.server(n).asked
        if asked:
            self.world.make_answer(asked[which % len(asked)])

    def deliver(self, n: int, which: int, fails: int) -> None:
        server = self.server(n)
        if server.asked:
            asked = server.asked[which % len(server.asked)]
            (self.world.fail if fails == 0 else self.world.deliver)(server, asked)

    def break_or_mend(self, is_readable: bool) -> None:
        self.world.engine.is_readable = is_readable

    def pipe(self, back: int) -> None:
        self.world.start_pipeline(back=back)

    def post(self, n: int, which: int, back: int, ahead: int) -> None:
        pipelines = self.world.pipelines
        if pipelines:
            pipeline = pipelines[which % len(pipelines)]
            self.world.post(self.server(n), pipeline, back, ahead)

    def retry(self, n: int, epoch: int, back: int, span: int, asked: int) -> None:
        engine = self.world.engine
        epochs = list(engine.histories)
        upper = max(1, engine.time - back)
        number = max(0, self.server(n).hub.questions.last("v") - asked)
        chosen = epochs[-1 - epoch % len(epochs)]
        # A late question cannot vouch for an epoch that began after it.
        self.world.repost(self.server(n), chosen, number, max(1, upper - span), upper)

    def come(self, n: int, which: int, name: str) -> None:
        encoding = list(Encoding)[which % len(Encoding)]
        every = (0, 0, 50, 1000)[which % 4]
        follower = Follower(ViewState(name), encoding=encoding, every=every)
        self.world.followers.append(follower)
        self.world.connect(self.server(n), follower)

    def come_back(self, n: int, which: int) -> None:
        followers = self.world.followers
        if followers:
            self.world.connect(self.server(n), followers[which % len(followers)])

    def go(self, which: int) -> None:
        followers = self.world.followers
        if followers:
            self.world.disconnect(followers[which % len(followers)])

    def read(self, which: int) -> None:
        followers = self.world.followers
        if followers:
            self.world.read(followers[which % len(followers)])

    def room(self, which: int, room: int) -> None:
        followers = self.world.followers
        if followers:
            connection = followers[which % len(followers)].connection
            if connection is not None:
                connection.drain(room)

    def rows(self, n: int, name: str) -> None:
        self.world.check_snapshot(self.server(n), name)

    def flush(self, n: int) -> None:
        self.server(n).flush()

    def admit(self, n: int) -> None:
        self.server(n).admit()

    def turn(self, n: int) -> None:
        self.server(n).turn()

    def work(self, n: int) -> None:
        self.world.work(self.server(n))


def check_groups(world: World) -> None:
    """Check the invariants that hold between any two events inside a hub."""
    for server in world.servers:
        server.check_callbacks()
        for view in server.views():
            check_listeners(server, view)


def check_listeners(server: Server, view: View) -> None:
    for listener in view.listeners:
        assert listener.client in server.hub.clients
        if listener.is_live:
            assert listener.client.is_ready
            assert listener.epoch == view.history.epochs.current
        group = listener.client.group
        assert (group is not None) == listener.is_live
    if view.history.log is not None:
        assert view.history.log.lower <= view.history.log.head


def play(seed: int, steps: int = 150) -> None:
    """One long random run; the same seed plays it again."""
    chance = random.Random(seed)
    act = Actions(chance.choice([1, 1, 2]))
    span = lambda: chance.choice([0, 1, 2, 5, 20, 100, 1000, 5000])  # noqa: E731
    n = lambda: chance.randrange(6)  # noqa: E731
    name = lambda: chance.choice([VIEW, *PARTS])  # noqa: E731
    moves = [
        (
            8,
            lambda: act.change(0 if chance.random() < 0.8 else n(), n(), chance.choice([-1, 1, 2])),
        ),
        (6, lambda: act.pass_time(span())),
        (0.6, lambda: act.replace(n())),
        (2, lambda: act.ask(n(), n())),
        (2, lambda: act.answer(n(), n())),
        (3, lambda: act.deliver(n(), n(), n())),
        (0.5, lambda: act.break_or_mend(chance.random() < 0.5)),
        (0.7, lambda: act.pipe(span())),
        (6, lambda: act.post(n(), n(), span(), span())),
        (2, lambda: act.retry(n(), n(), span(), span(), n())),
        (1, lambda: act.come(n(), n(), name())),
        (1, lambda: act.come_back(n(), n())),
        (0.5, lambda: act.go(n())),
        (4, lambda: act.read(n())),
        (2, lambda: act.room(n(), chance.choice([0, 1, 50, 200, 1000, 10**7]))),
        (1, lambda: act.rows(n(), name())),
        (3, lambda: act.flush(n())),
        (3, lambda: act.admit(n())),
        (3, lambda: act.turn(n())),
        (8, lambda: act.work(n())),
    ]
    weights = [weight for weight, _ in moves]
    for _ in range(steps):
        chance.choices(moves, weights)[0][1]()
        check_groups(act.world)
    act.world.settle()
    act.world.check_steady()


@pytest.mark.parametrize("block", range(20))
def test_long_random_runs_end_with_every_client_exact(block: int) -> None:
    for seed in range(block * 20, (block + 1) * 20):
        play(seed)
