"""Some faults of the fault kit by fixed seeds, each proved for every client and view.

`scripts/faults` injects all kinds; here are those that no other test injects. That the proof finds
errors was tried by hand: with `make_epoch` returning the same text for every engine and object, the
first replaced view is reported as diverged.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from scripts.faultkit.__main__ import run
from scripts.faultkit.clients import MARK, Diary, is_of_other_query
from scripts.faultkit.proof import prove
from scripts.faultkit.schedule import DECK, LONGEST, schedule
from scripts.faultkit.world import OTHER_QUERIES, SIDES, World
from viewstream.client.change import Change


def test_a_seed_always_gives_the_same_faults() -> None:
    assert list(islice(schedule(7), 200)) == list(islice(schedule(7), 200))
    assert list(islice(schedule(7), 200)) != list(islice(schedule(8), 200))


def test_every_kind_of_fault_comes_once_in_each_deck() -> None:
    faults = list(islice(schedule(3), 2 * len(DECK)))
    for start in (0, len(DECK)):
        part = faults[start : start + len(DECK)]
        assert {(fault.kind, fault.target) for fault in part} == set(DECK)
    assert all(0 <= fault.seconds <= LONGEST for fault in faults)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kinds", "seed", "count", "tailing", "burst"),
    [
        ({"replace", "clock"}, 11, 3, (), 1),
        ({"posts", "websockets"}, 5, 4, (), 1),
        ({"stop", "disk"}, 2, 3, (), 2),
        ({"replace", "kill", "restart"}, 5, 4, ("a", "b"), 1),
        ({"posts", "keys", "websockets", "kill"}, 4, 5, ("b",), 3),
    ],
)
def test_the_pipeline_heals(
    kinds: set[str],
    seed: int,
    count: int,
    tailing: tuple[str, ...],
    burst: int,
    tmp_path: Path,
) -> None:
    proved = asyncio.run(
        run(tmp_path, seed, count, kinds=kinds, rate=100, editors=200, tailing=tailing, burst=burst)
    )
    assert len({id(proof) for _, proof in proved}) == -(-count // burst)
    assert all(fault.pipeline not in tailing for fault, _ in proved)
    assert len(proved) == count
    assert all(proof.compared > 100 for _, proof in proved)


@pytest.mark.timeout(600)
def test_clients_stay_exact_while_their_tokens_end(tmp_path: Path) -> None:
    async def follow() -> World:
        world = World(tmp_path, 3, 100, 200, tailing=SIDES, life=(3, 6))
        try:
            await world.start()
            await prove(world)
            hostile, signed = world.hostile, world.keyring.signed
            assert hostile is not None

            def is_enough() -> bool:
                return world.keyring.signed > signed + 20 and hostile.refused > 20

            async with asyncio.timeout(300):
                while not is_enough():  # noqa: ASYNC110 -- it signals nothing
                    await asyncio.sleep(0.1)
            await prove(world)
        finally:
            await world.stop()
        return world

    world = asyncio.run(follow())
    events = {one.name: one.events.resumed for one in world.clients if one.events is not None}
    assert events["events"] > 0


# Errors that the clients of the kit find


def change(lower: int | None, upper: int, epoch: str = "1-u1") -> Change:
    return Change("v", epoch, lower, upper, {})


def test_adjacent_intervals_are_no_error() -> None:
    diary = Diary("v")
    for one in (change(None, 5), change(5, 7), change(7, 7), change(None, 3, "1-u2")):
        diary.write(one, {("a",): 1})
    assert diary.wrong == []


@pytest.mark.parametrize(
    "second", [change(6, 8), change(4, 8), change(5, 8, "1-u2"), change(None, 4)]
)
def test_intervals_that_are_not_adjacent_are_an_error(second: Change) -> None:
    diary = Diary("v")
    diary.write(change(None, 5), {("a",): 1})
    diary.write(second, {("a",): 1})
    assert len(diary.wrong) == 1


def test_rows_of_two_histories_are_an_error() -> None:
    diary = Diary("v")
    diary.write(change(None, 5), {("a",): 1, (MARK + "a",): 1})
    assert diary.wrong == ["v: rows of two histories at ('1-u1', 5)"]


def test_a_negative_weight_is_an_error() -> None:
    diary = Diary("v")
    diary.write(Change("v", "1-u1", None, 5, {("a",): -1}), {("a",): -1})
    assert diary.wrong == ["v: ['a'] is there -1 times at ('1-u1', 5)"]


def test_rows_of_the_other_queries_have_the_mark() -> None:
    assert is_of_other_query(("a", "-1"))
    assert not is_of_other_query(("a", None, "1-"))
    assert set(OTHER_QUERIES) <= {target for kind, target in DECK if kind == "replace"}
