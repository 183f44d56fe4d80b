"""Steps that tests of parts in the hub share: follow one, change the view, read the deltas."""

from __future__ import annotations

from server.hub.parts import PartView
from server.hub.post_check import Outcome
from tests.server.simulated import Follower, Server
from tests.server.world import World
from viewstream.client.state import ViewState
from viewstream.protocol import Delta, Status

PART = "v[name=a]"
OTHER = "v[name='b c']"


def follow(world: World, name: str) -> Follower:
    """A client that has the rows of the view or part."""
    follower = Follower(ViewState(name))
    world.followers.append(follower)
    world.connect(world.servers[0], follower)
    settle(world)
    return follower


def settle(world: World) -> None:
    """Answer what is asked, and let all clients read."""
    server = world.servers[0]
    server.turn()
    world.read_parts(server)
    server.turn()
    for follower in world.followers:
        world.read(follower)


def change(world: World, *changes: tuple[str, int]) -> None:
    """Post up to the present, in whose last millisecond rows with these names come and go."""
    for name, diff in changes:
        world.engine.change(world.engine.epoch, (name, "1"), diff)
    world.engine.time += 1
    assert world.post(world.servers[0], world.pipelines[-1], 0, 1_000_000) is Outcome.TAKEN
    world.servers[0].turn()


def part(server: Server, name: str = PART) -> PartView:
    return next(one for one in server.hub._parts if one.name == name)


def deltas(world: World, follower: Follower) -> list[tuple[int, tuple[str | None, ...]]]:
    """(diff, row) of all updates that the client reads now."""
    messages = [message for message in world.read(follower) if isinstance(message, Delta)]
    return [(diff, row) for message in messages for _, diff, row in message.updates]


def follower_status(world: World, follower: Follower) -> Status:
    """The last status that the client reads now."""
    return [message for message in world.read(follower) if isinstance(message, Status)][-1]
