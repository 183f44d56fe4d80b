"""`scripts/faults`: injects faults by a seeded schedule, and proves that the pipeline heals."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path

from scripts.child import ChildError
from scripts.faultkit import table
from scripts.faultkit.faults import inject
from scripts.faultkit.proof import DivergedError, Proof, prove
from scripts.faultkit.schedule import DECK, Fault, schedule
from scripts.faultkit.soak import GrowthError, soak
from scripts.faultkit.world import SIDES, World


class FaultError(Exception):
    """The pipeline did not heal after a fault."""

    def __init__(self, fault: Fault | None, seed: int, reason: str) -> None:
        after = (
            "before the first fault" if fault is None else f"after fault {fault.number}, {fault}"
        )
        super().__init__(f"{after}: {reason}\nseed {seed} repeats it")


async def run(
    folder: Path,
    seed: int,
    count: int,
    *,
    kinds: set[str] | None = None,
    rate: float = 200,
    editors: int = 500,
    tailing: Collection[str] = (),
    burst: int = 1,
    report: Callable[[str], None] = print,
) -> list[tuple[Fault, Proof]]:
    """Inject `count` faults of the seed's schedule, and prove each `burst`; raises FaultError.

    The servers of the sides `tailing` have no pipelines.
    """
    world = World(folder, seed, rate, editors, tailing=tailing)
    proved: list[tuple[Fault, Proof]] = []
    fault: Fault | None = None
    try:
        await world.start()
        await prove(world)
        chosen = (
            one
            for one in schedule(seed)
            if (kinds is None or one.kind in kinds) and one.pipeline not in tailing
        )
        limited = islice(chosen, count)
        while faults := list(islice(limited, burst)):
            for fault in faults:
                await inject(world, fault)
            proof = await prove(world)
            for fault in faults:
                proved.append((fault, proof))
                report(table.line(fault, proof))
    except (DivergedError, ChildError, TimeoutError) as error:
        raise FaultError(fault, seed, str(error) or type(error).__name__) from error
    finally:
        await world.stop()
    report(table.tokens(world))
    return proved


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/faults",
        description="Inject faults into the whole pipeline by a seeded schedule; prove after each "
        "that every client of every view has exactly the engine's rows.",
    )
    add = parser.add_argument
    add("--faults", type=int, default=len(DECK), metavar="N", help="how many (%(default)s)")
    add("--seed", type=int, help="of the schedule (default: a new one, which is printed)")
    add("--rate", type=float, default=200, metavar="N", help="events a second (%(default)s)")
    add(
        "--editors",
        type=int,
        default=500,
        metavar="N",
        help="number of editors (%(default)s)",
    )
    add(
        "--kinds",
        nargs="+",
        choices=sorted({kind for kind, _ in DECK}),
        help="inject only these kinds",
    )
    add(
        "--tailing",
        nargs="+",
        default=[],
        choices=SIDES,
        metavar="SIDE",
        help="of the two servers a and b, those that read the changes themselves (--tail), "
        "without pipelines (default: none)",
    )
    add(
        "--burst",
        type=int,
        default=1,
        metavar="N",
        help="inject so many before the pipeline has healed, and prove them together (%(default)s)",
    )
    add(
        "--soak",
        type=float,
        metavar="MINUTES",
        help="inject none: let 200 clients come and go, and prove that memory stays flat",
    )
    add("--keep", type=Path, metavar="FOLDER", help="write the processes' logs there")
    return parser.parse_args()


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also ends what it has started
    options = parse_arguments()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="faults-") as fresh:
        folder = options.keep or Path(fresh)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _soak(options, seed, folder) if options.soak else _fault(options, seed, folder)
        except KeyboardInterrupt:
            return 130


def _soak(options: argparse.Namespace, seed: int, folder: Path) -> int:
    print(f"seed {seed}: {options.soak:g} minutes", flush=True)
    try:
        asyncio.run(soak(folder, seed, options.soak, _print))
    except (GrowthError, DivergedError, ChildError, TimeoutError) as error:
        print(f"\nFAILED {error or type(error).__name__}", flush=True)
        return 1
    print("\nmemory is flat, no divergence")
    return 0


def _fault(options: argparse.Namespace, seed: int, folder: Path) -> int:
    print(f"seed {seed}: {options.faults} faults\n\n{table.HEADER}", flush=True)
    try:
        proved = asyncio.run(
            run(
                folder,
                seed,
                options.faults,
                kinds=set(options.kinds) if options.kinds else None,
                rate=options.rate,
                editors=options.editors,
                tailing=options.tailing,
                burst=options.burst,
                report=_print,
            )
        )
    except FaultError as error:
        print(f"\nDIVERGED {error}", flush=True)
        if not isinstance(error.__cause__, DivergedError):  # the kit itself failed, probably
            traceback.print_exception(error.__cause__)
        return 1
    print(table.summary(proved))
    print(f"\n{len(proved)} faults, no divergence")
    return 0


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
