"""A long run without faults, in which memory must stay flat while clients come and go."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.faultkit.crowd import Crowd
from scripts.faultkit.proof import DivergedError, prove
from scripts.faultkit.world import FOLLOWED, SIDES, World
from scripts.procfs import precise_cpu_of

CROWD = 200
SAMPLES = 60
"""Samples of the whole run; memory of the last third is compared with that of the middle one."""
GROWTH = 0.05
"""By which the last third may be larger: Python's allocator keeps fragments."""
SLACK = 3.0
"""MB by which it may be larger in any case."""
FLAT = ("server a", "server b", "pipeline a", "pipeline b")
"""Processes whose memory must stay flat. The engine is only shown: some views are of the last hour,
so that it keeps more and more edits for that long."""


@dataclass(frozen=True)
class Sample:
    """One moment of the run: seconds since its start, resident MB by process, and visits."""

    at: float
    memory: dict[str, float]
    visits: int


class GrowthError(Exception):
    """A process grew; the text has the figures."""


async def soak(
    folder: Path, seed: int, minutes: float, report: Callable[[str], None] = print
) -> list[Sample]:
    """Run for so many minutes; raises GrowthError, and DivergedError if a client is wrong."""
    world = World(folder, seed, rate=100, editors=500)
    ports, chance = list(world.ports.values()), random.Random(seed)  # noqa: S311
    crowd = Crowd(CROWD, ports, FOLLOWED, chance, world.keyring.sign)
    samples: list[Sample] = []
    visiting: asyncio.Task[None] | None = None
    try:
        await world.start()
        await prove(world)
        visiting = asyncio.create_task(crowd.run())
        begin = time.monotonic()
        for number in range(1, SAMPLES + 1):
            await asyncio.sleep(begin + number * minutes * 60 / SAMPLES - time.monotonic())
            failures = world.failures()
            if failures:
                raise DivergedError("; ".join(failures))
            memory = {name: size / 1e6 for name, size in world.memory().items()}
            samples.append(Sample(time.monotonic() - begin, memory, crowd.visits.total()))
            report(_line(samples[-1]))
        report(_processor_time(world, time.monotonic() - begin))
        await prove(world)
    finally:
        if visiting is not None:
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)
        await world.stop()
    check_flat(samples)
    return samples


def _line(sample: Sample) -> str:
    sizes = "  ".join(f"{name} {sample.memory[name]:.1f}" for name in ("engine", *FLAT))
    return f"{sample.at:>6.0f} s  {sample.visits:>8,} visits  MB: {sizes}"


def _processor_time(world: World, seconds: float) -> str:
    shares = {side: precise_cpu_of(world.services[f"server {side}"].pid) for side in SIDES}
    listed = ", ".join(f"server {side} {cpu / seconds:.0%}" for side, cpu in shares.items())
    return f"processor time: {listed}"


def check_flat(samples: list[Sample]) -> None:
    """Raise GrowthError if a process has more memory in the last third than in the middle one."""
    third = len(samples) // 3
    grown = []
    for name in FLAT:
        middle = statistics.median(one.memory[name] for one in samples[third : 2 * third])
        last = statistics.median(one.memory[name] for one in samples[2 * third :])
        if last > middle * (1 + GROWTH) + SLACK:
            grown.append(f"{name} grew from {middle:.1f} to {last:.1f} MB")
    if grown:
        raise GrowthError("; ".join(grown))
