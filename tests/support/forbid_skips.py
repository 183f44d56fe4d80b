"""A pytest plugin: where VIEWSTREAM_FORBID_SKIPS is set, a test that is skipped fails.

CI installs everything that the tests need, so there a skip hides something. Only tests that read
the folder `../shared`, which not everybody has, may still skip; they say so in their reason.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

VARIABLE = "VIEWSTREAM_FORBID_SKIPS"
ALLOWED = "../shared"


def _fail_if_skipped(report: Any) -> None:
    if not os.environ.get(VARIABLE) or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if ALLOWED not in reason:
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
