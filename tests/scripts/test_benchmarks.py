"""Tests that every benchmark runs, as small as can be; the figures are not looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from scripts.benchmarks import __main__ as benchmarks
from scripts.benchmarks._fleet import Fleet, FleetError
from scripts.benchmarks._measured import Measured
from scripts.child import ROOT, python_module
from scripts.chromium import find_chromium

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) here")


@needs_compiler
@pytest.mark.parametrize("name", benchmarks.names())
def test_each_benchmark_runs(name: str) -> None:
    if name == "browser" and find_chromium() is None:
        pytest.skip("chromium is not installed")
    report = benchmarks.run_with(name, "SMALL")
    assert report.measures
    assert json.loads(report.as_json())["title"] == report.title
    assert report.title in report.as_text()


@needs_compiler
def test_the_fleet_counts_what_a_server_sends() -> None:
    with (
        Measured(python_module("scripts.benchmarks._peers", "bare")) as server,
        Fleet(server.port, count=3, smallest=100) as fleet,
    ):
        count, stamp = server.order("send 50 0.2 70000 2").split()
        assert count == "20"
        fleet.wait_for_stamp(int(stamp))
        received = fleet.report()
        assert (received.messages, received.stamps, received.largest) == (60, 60, 70000)
        assert 0 < received.p50 <= received.p99
        server.order("send 10 0.1 99 1")  # smaller than a message
        server.order("send 10 0.1 125 1")
        fleet.wait_for_messages(21)
        assert fleet.report().messages == 3


@needs_compiler
def test_the_fleet_reports_a_server_that_disconnects_it() -> None:
    with (
        Measured(python_module("scripts.benchmarks._peers", "bare")) as server,
        Fleet(server.port, count=2) as fleet,
    ):
        server.kill()
        with pytest.raises(FleetError, match="the server closed a connection"):
            fleet.wait_for_messages(1)


def test_the_fleet_names_the_compiler_that_it_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FleetError, match="expected a C compiler on PATH, one of cc"):
        Fleet(1, count=1)


def test_an_unknown_benchmark_is_refused() -> None:
    command = [sys.executable, "-m", "scripts.benchmarks", "storms"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "invalid choice: 'storms'" in ended.stderr
