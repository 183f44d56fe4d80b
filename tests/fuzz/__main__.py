"""Fuzzes targets by atheris: `scripts/fuzz [--seconds N] [TARGET ..]`; ends with 1 after a failure.

Each target runs in a process of its own, for an equal share of the time. An input that fails is
printed as Python bytes, and belongs into a test.
"""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import engine_targets, targets

MODULES = {
    **dict.fromkeys(targets.TARGETS, targets.__name__),
    **dict.fromkeys(engine_targets.TARGETS, engine_targets.__name__),
}
"""The module of each target by its name."""
ROOT = Path(__file__).parents[2]
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass(frozen=True)
class Outcome:
    """How a target ended: the number of inputs, and what it printed if one failed."""

    inputs: int
    failure: str | None


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(MODULES))
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in MODULES]
    if unknown:
        parser.error(f"expected targets among {', '.join(MODULES)}; found {', '.join(unknown)}")
    names = options.targets or list(MODULES)
    inputs, has_failed = 0, False
    for name in names:
        outcome = fuzz(MODULES[name], name, max(1, options.seconds // len(names)))
        inputs += outcome.inputs
        has_failed |= outcome.failure is not None
        print(f"{name:14} {outcome.inputs:>12,} inputs", outcome.failure or "", flush=True)
    print(f"{'all':14} {inputs:>12,} inputs")
    return int(has_failed)


def fuzz(module: str, name: str, seconds: int, *extra: str) -> Outcome:
    """Fuzz one of a module's `TARGETS` in a process of its own; `extra` are libFuzzer's options."""
    seeds = importlib.import_module(module).TARGETS[name].seeds
    with tempfile.TemporaryDirectory(prefix="viewstream-fuzz-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / f"seed{number}").write_bytes(seed)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.child",
            module,
            name,
            folder,
            str(seconds),
            *extra,
        ]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        printed = re.sub(r"INFO: .*\n", "", ended.stderr) + ended.stdout
        found = _RUNS.search(printed)
        inputs = int(found[1]) if found else 0
        if ended.returncode == 0 and inputs:
            return Outcome(inputs, None)
        crashes = [path.read_bytes() for path in Path(folder).glob("crash-*")]
        return Outcome(inputs, f"failed with {crashes!r}:\n{printed[-4000:]}")


if __name__ == "__main__":
    sys.exit(main())
