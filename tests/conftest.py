"""Plugins of all tests; their helpers are in `tests/support`."""

pytest_plugins = ["tests.support.forbid_skips"]
