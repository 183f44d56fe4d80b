"""Finds and starts a Chromium without a window, for scripts that look at the pages."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class ChromiumError(Exception):
    """There is no Chromium; the text says what to install."""


def find_chromium() -> str | None:
    """Return the path of the system's Chromium."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def start_chromium(playwright: Playwright) -> Browser:
    """Start the system's Chromium; raises ChromiumError if there is none."""
    path = find_chromium()
    if path is None:
        raise ChromiumError(f"expected one of {', '.join(_NAMES)} on the PATH, found none")
    return playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
