"""A pytest plugin: where VIEWSTREAM_FORBID_SKIPS is set, a test that is skipped fails.

CI installs everything that the tests need, so there a skip hides something. Only tests may still
skip that read the folder `../shared`, which not everybody has, or that need a network namespace,
which not every system permits; they say so in their reason.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

VARIABLE = "VIEWSTREAM_FORBID_SKIPS"
ALLOWED = ("../shared", "does not permit unshare")


def _fail_if_skipped(report: Any) -> None:
    if not os.environ.get(VARIABLE) or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(words in reason for words in ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"skipped although {VARIABLE} is set: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    _fail_if_skipped(report)
    return report
