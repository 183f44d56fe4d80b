"""Injects each kind of fault into the world, and repairs what does not heal by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

import psycopg2

from scripts.faultkit.hostile import ask_status
from scripts.faultkit.keyring import bearer
from scripts.faultkit.proxy import PostFault
from scripts.faultkit.schedule import SCRIPTS, Fault
from scripts.faultkit.service import Service
from scripts.faultkit.world import World

ROOM = 30_000
"""Bytes that can still be written until the disk is full, at most."""
JUMP = 3_600_000
"""Milliseconds by which the wall clock of the engine jumps at most."""
PATIENCE = 60.0
"""Seconds until what a fault needs is there, at most: an engine, or a pipeline that posts."""


async def inject(world: World, fault: Fault) -> None:
    """Inject the fault, let it last, and repair what does not heal by itself."""
    await _KINDS[fault.kind](world, fault)


async def _kill(world: World, fault: Fault) -> None:
    pids = _scripts(world, fault)
    if pids is not None:
        _send(pids, signal.SIGKILL)  # the pipeline starts both again
        return
    service = world.services[fault.target]
    await service.kill()
    await asyncio.sleep(fault.seconds)
    await service.start()


async def _stop(world: World, fault: Fault) -> None:
    pids = _scripts(world, fault)
    pids = [world.services[fault.target].pid] if pids is None else pids
    _send(pids, signal.SIGSTOP)
    await asyncio.sleep(fault.seconds)
    _send(pids, signal.SIGCONT)


async def _restart(world: World, fault: Fault) -> None:
    pids = _scripts(world, fault)
    if pids is not None:
        _send(pids, signal.SIGTERM)
        return
    service = world.services[fault.target]
    await service.terminate()
    await asyncio.sleep(fault.seconds)
    await service.start()


def _scripts(world: World, fault: Fault) -> list[int] | None:
    """Return the id of one process that runs the target script; None if the target is a service."""
    name, _, side = fault.target.partition(" ")
    if name not in SCRIPTS:
        return None
    pids = sorted(world.scripts(name, side))
    return [pids[int(fault.chance * len(pids))]] if pids else []


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, number)


async def _posts(world: World, fault: Fault) -> None:
    name, _, side = fault.target.partition(" ")
    proxy = world.posts[side]
    async with asyncio.timeout(PATIENCE + 8 * fault.seconds):
        await proxy.inject(PostFault[name.upper()], 1 + int(fault.chance * 8), fault.seconds)


async def _websockets(world: World, fault: Fault) -> None:
    for line in (world.lines[fault.target], world.slow_lines[fault.target]):
        line.cut_mid_frame()


async def _disk_full(world: World, fault: Fault) -> None:
    source = world.services["source"]
    await source.terminate()
    await source.start(file_size=world.file.stat().st_size + int(fault.chance * ROOM))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await source.ended()
    await _restart_service(source)


async def _restart_service(service: Service) -> None:
    await service.terminate()
    await service.start()


async def _clock(world: World, fault: Fault) -> None:
    jump = int(fault.chance * JUMP) * (1 if fault.target == "forward" else -1)
    before = int(world.clock.read_text()) if world.clock.exists() else 0
    fresh = world.clock.with_suffix(".new")
    fresh.write_text(str(before + jump))
    fresh.rename(world.clock)  # an atomic change
    await asyncio.sleep(fault.seconds)


async def _replace(world: World, fault: Fault) -> None:
    """Replace a view by its other query, or back. The TAILs go on with the dropped view."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await world.replace(fault.target)
            except psycopg2.OperationalError:  # the engine is down because of another fault
                await asyncio.sleep(0.2)
            else:
                return


async def _keys(world: World, fault: Fault) -> None:
    """Rotate the readers' keys: servers get the next one, tokens are signed by it, the old ends."""
    keyring = world.keyring
    old = keyring.sign()
    following = keyring.publish_next()
    await _await_status(world, keyring.sign_by(following), 200)
    keyring.adopt(following)
    await asyncio.sleep(fault.seconds)
    keyring.forget_others()
    await _await_status(world, old, 401)


async def _await_status(world: World, token: str, status: int) -> None:
    """Let the servers read the keys, and wait until they answer so to the token."""
    async with asyncio.timeout(PATIENCE):
        for side in world.guarded:
            world.services[f"server {side}"].send(signal.SIGHUP)
            while True:
                if await ask_status(world.ports[side], "/view/list", bearer(token)) == status:
                    break
                await asyncio.sleep(0.1)


_KINDS: dict[str, Callable[[World, Fault], Awaitable[None]]] = {
    "kill": _kill,
    "stop": _stop,
    "restart": _restart,
    "posts": _posts,
    "websockets": _websockets,
    "disk": _disk_full,
    "clock": _clock,
    "replace": _replace,
    "keys": _keys,
}
