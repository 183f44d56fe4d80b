"""Plugins of all tests; their helpers are in `tests/support`."""

import os

from viewstream.log_format import VARIABLE

os.environ[VARIABLE] = "plain"
"""Scripts that tests start without `Child` print lines that are easy to compare, too."""

pytest_plugins = ["tests.support.forbid_skips"]
