"""Runs one benchmark by its name, or all: `scripts/bench NAME [--json] [its own options]`.

A benchmark is a module of this package with `add_options(parser)` and `run(options) -> Report`.
`all` runs it with the arguments `BRIEF`, and `all --small` with `SMALL`, which measures nothing
and shows that it runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from types import ModuleType

from scripts import benchmarks
from scripts.benchmarks.report import Report

_NOT_BENCHMARKS = {"__main__", "report"}


def names() -> list[str]:
    """Return the names of the benchmarks: the public modules that have a `run`."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in _NOT_BENCHMARKS and not module.name.startswith("_")
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"scripts.benchmarks.{name}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    for name in names():
        module = _module(name)
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("--json", action="store_true", help="print the report as JSON")
        module.add_options(command)
        command.set_defaults(run=module.run)
    command = commands.add_parser("all", help="Each of them, briefly, one after the other.")
    command.add_argument("--json", action="store_true", help="print the reports as a JSON array")
    command.add_argument(
        "--small", action="store_true", help="as small as can be: only for crashes"
    )
    options = parser.parse_args()
    if options.benchmark == "all":
        _run_all(small=options.small, as_json=options.json)
        return 0
    report = options.run(options)
    print(report.as_json() if options.json else report.as_text())
    return 0


def _run_all(*, small: bool, as_json: bool) -> None:
    reports = []
    for name in names():
        report = run_with(name, "SMALL" if small else "BRIEF")
        if not as_json:
            print(report.as_text(), end="\n\n", flush=True)
        reports.append(json.loads(report.as_json()))
    if as_json:
        print(json.dumps(reports, indent=2))


def run_with(name: str, arguments: str) -> Report:
    """Run a benchmark with the arguments that its module names by a constant."""
    module = _module(name)
    parser = argparse.ArgumentParser()
    module.add_options(parser)
    report: Report = module.run(parser.parse_args(getattr(module, arguments)))
    return report


if __name__ == "__main__":
    sys.exit(main())
