"""Runs one benchmark by its name: `scripts/bench NAME [--json] [its own options]`.

A benchmark is a module of this package with `add_options(parser)` and `run(options) -> Report`.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from scripts import benchmarks

_NOT_BENCHMARKS = {"__main__", "report"}


def names() -> list[str]:
    """Return the names of the benchmarks: the public modules that have a `run`."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in _NOT_BENCHMARKS and not module.name.startswith("_")
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    for name in names():
        module = importlib.import_module(f"scripts.benchmarks.{name}")
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("--json", action="store_true", help="print the report as JSON")
        module.add_options(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args()
    report = options.run(options)
    print(report.as_json() if options.json else report.as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
