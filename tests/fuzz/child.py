"""Fuzzes one target in this process: `python -m tests.fuzz.child MODULE TARGET FOLDER SECONDS`.

The folder has the seeds in `corpus/`, and gets the input that fails as `crash-*`.
"""

from __future__ import annotations

import importlib
import sys

import atheris

INSTRUMENTED = ["viewstream", "server", "engine", "scripts"]
"""Packages whose branches guide the fuzzer."""
LONGEST = 1024
"""Bytes of an input."""
SLOWEST = 20
"""Seconds after which one input counts as a hang."""


def main() -> None:
    _, module, name, folder, seconds, *extra = sys.argv
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        targets = importlib.import_module(module).TARGETS
    arguments = [
        "fuzz",
        f"{folder}/corpus",
        f"-max_total_time={seconds}",
        *extra,
        f"-max_len={LONGEST}",
        f"-timeout={SLOWEST}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup(arguments, targets[name].run)
    atheris.Fuzz()  # it ends the process


if __name__ == "__main__":
    main()
