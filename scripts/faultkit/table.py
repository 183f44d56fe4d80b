"""Formats the results: one line for each fault, and a summary by kind."""

from __future__ import annotations

from collections import defaultdict

from scripts.faultkit.proof import Proof
from scripts.faultkit.schedule import Fault
from scripts.faultkit.world import World

HEADER = f"{'#':>4}  {'fault':<36} {'converged':>9}  {'rows proved':>11}  {'points':>9}  largest MB"


def line(fault: Fault, proof: Proof) -> str:
    """Return the line of one fault."""
    name, size = max(proof.memory.items(), key=lambda item: item[1])
    return (
        f"{fault.number:>4}  {fault!s:<36} {proof.seconds:>7.1f} s  {proof.compared:>11,}  "
        f"{proof.points:>9,}  {size:.0f} ({name})"
    )


def summary(proved: list[tuple[Fault, Proof]]) -> str:
    """Return the median and the slowest convergence after each kind of fault."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for fault, proof in proved:
        kinds[fault.kind].append(proof.seconds)
    lines = [f"\n{'kind':<12} {'faults':>6}  {'median':>7}  {'slowest':>7}"]
    for kind, seconds in sorted(kinds.items()):
        seconds.sort()
        median = seconds[len(seconds) // 2]
        lines.append(f"{kind:<12} {len(seconds):>6}  {median:>5.1f} s  {seconds[-1]:>5.1f} s")
    return "\n".join(lines)


def tokens(world: World) -> str:
    """Return what became of tokens and event streams."""
    assert world.hostile is not None
    resumed = sum(one.events.resumed for one in world.clients if one.events is not None)
    return (
        f"\nservers with tokens: {' and '.join(world.guarded)}; {world.keyring.signed:,} tokens "
        f"signed, {world.hostile.refused:,} bad ones refused; {resumed:,} event streams resumed"
    )
