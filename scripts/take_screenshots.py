"""Takes pictures of the pages in every state that they have, from a demo of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.child import Child, python_module
from scripts.chromium import ChromiumError, start_chromium
from scripts.procfs import descendants_of, words_of

LAPTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LARGE = {"width": 3840, "height": 2160}
_LATE, _STALE = 6, 22
"""Seconds after which rows are lagging, and stale."""
_PATIENCE = 90_000
"""Milliseconds until the page shows a state."""
_HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\u202eevil\u202c",
    "   ",
    "bell\u0007 and\nline",
    "\u0645\u062d\u0631\u0631 \u05e2\u05d5\u05e8\u05da",
    "z" + "\u0310\u0322" * 20 + "algo",
)
"""Names that try to be more than text."""


class Studio:
    """A demo, and a browser that looks at its page. Pictures go to `folder`."""

    def __init__(self, folder: Path, browser: Browser, demo: Child, source: Path) -> None:
        self._folder = folder
        self._browser = browser
        self._source = source
        self.demo = demo
        self.url = demo.wait_for(r"^    open      (\S+)")[1]

    @contextmanager
    def page(self, path: str = "", **options: Any) -> Iterator[Page]:
        """Provide a page, by its path and query; `options` are those of the browser's context."""
        context = self._browser.new_context(**{"viewport": LAPTOP, **options})
        page = context.new_page()
        page.goto(f"{self.url}/{path}")
        yield page
        context.close()

    def take(self, page: Page, name: str, *, is_whole: bool = False) -> None:
        page.screenshot(path=self._folder / f"{name}.png", full_page=is_whole)
        print(f"{name}.png", flush=True)

    @contextmanager
    def stopped(self, *ends: str) -> Iterator[None]:
        """Stop the processes of the demo that have words with these ends in their commands."""

        def is_meant(pid: int) -> bool:
            words = words_of(pid)
            return all(any(word.endswith(end) for word in words) for end in ends)

        pids = [pid for pid in descendants_of(self.demo.pid) if is_meant(pid)]
        assert pids, f"no process of the demo has {ends} in its command"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def add_hostile_edits(self) -> None:
        """Append edits by editors with hostile names, so many that they are the busiest."""
        lines = []
        for at, name in enumerate(_HOSTILE):
            lines += [_edit(number, name) for number in range(3000 - 100 * at)]
        with self._source.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def _edit(number: int, name: str) -> str:
    event = {
        "id": number,
        "type": "edit",
        "namespace": 0,
        "title": name,
        "user": name,
        "timestamp": int(time.time()),
        "bot": False,
        "wiki": "enwiki",
        "server_name": "en.wikipedia.org",
        "length": {"old": 100, "new": 90_000},
        "revision": {"old": 1, "new": number},
    }
    return f"data: {json.dumps(event)}\n"


def take_all(studio: Studio, minutes: float) -> None:
    """Take the pictures: the looks, then the failures, the last of which ends the demo."""
    _first(studio)
    time.sleep(60 * minutes)
    _looks(studio)
    _others(studio)
    _past(studio)
    with studio.page("?race=all") as page:
        _wait(page, "Live")
        with studio.stopped("tail_view.py", "top10"):
            _wait(page, "Partly stale")
            studio.take(page, "stuck-view")
        _wait(page, "Live")
        with studio.page("pipeline") as pipeline:
            _wait(pipeline, "Live")
            with studio.stopped("engine"):
                _wait(page, "Lagging")
                studio.take(page, "lagging")
                _wait(page, "Stale")
                studio.take(page, "stale")
                studio.take(pipeline, "pipeline-stale", is_whole=True)
            pipeline.locator("#outages li").first.wait_for(timeout=_PATIENCE)
            studio.take(pipeline, "pipeline-healed", is_whole=True)
        page.context.set_offline(True)
        _wait(page, "Reconnecting")
        studio.take(page, "offline")
        page.context.set_offline(False)
        _wait(page, "Live")
        studio.take(page, "online")
    with studio.page(viewport=PHONE) as phone, studio.page() as page:
        _wait(phone, "Live")
        _wait(page, "Live")
        studio.add_hostile_edits()
        page.get_by_text("evil").first.wait_for()
        time.sleep(_LATE)
        studio.take(page, "hostile", is_whole=True)
        phone.get_by_text("evil").first.scroll_into_view_if_needed()
        studio.take(phone, "hostile-phone")
        studio.demo.close()
        for name, lost in (("lost", page), ("lost-phone", phone)):
            _wait(lost, "Reconnecting")
            studio.take(lost, name)


def _first(studio: Studio) -> None:
    with studio.page() as page:
        studio.take(page, "first-paint")
        _wait(page, "Live")
        time.sleep(1)
        studio.take(page, "first-second")


def _looks(studio: Studio) -> None:
    looks: dict[str, dict[str, Any]] = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "device_scale_factor": 2},
        "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
        "large": {"viewport": LARGE},
        "wall-dark": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"},
        "wall-high": {"viewport": {"width": 1080, "height": 1920}},
        "forced-colours": {"forced_colors": "active"},
    }
    for name, options in looks.items():
        with studio.page("?wall" if "wall" in name else "", **options) as page:
            _wait(page, "Live")
            time.sleep(_LATE)
            studio.take(page, name)
            if options.get("viewport") != LARGE and "wall" not in name:
                studio.take(page, f"{name}-whole", is_whole=True)


def _others(studio: Studio) -> None:
    """Take the other pages: each on a laptop, in the dark, on a phone."""
    pages = {"views": "views", "view": "views/latest_edits", "pipeline": "pipeline"}
    looks: dict[str, dict[str, Any]] = {
        "": {},
        "-dark": {"color_scheme": "dark"},
        "-phone": {"viewport": PHONE, "device_scale_factor": 2},
    }
    for name, path in pages.items():
        for look, options in looks.items():
            with studio.page(path, **options) as page:
                _wait(page, "Live")
                time.sleep(_LATE)
                studio.take(page, f"{name}{look}", is_whole=True)
    with studio.page("?race=hour", reduced_motion="reduce") as page:
        _wait(page, "Live")
        time.sleep(_LATE)
        studio.take(page, "reduced-motion")


def _past(studio: Studio) -> None:
    with studio.page() as page:
        _wait(page, "Live")
        page.get_by_role("slider").focus()
        for _ in range(2):
            page.keyboard.press("PageDown")
        time.sleep(_LATE)
        studio.take(page, "past")


def _wait(page: Page, word: str) -> None:
    page.locator("#standing-text", has_text=word).wait_for(timeout=_PATIENCE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--minutes", type=float, default=1, help="of data before most pictures")
    parser.add_argument("--rate", type=float, default=50, help="events a second")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            browser = start_chromium(stack.enter_context(sync_playwright()))
            kept = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            demo = _start_demo(kept, options.rate, stack.callback)
            take_all(Studio(options.folder, browser, demo, kept / "recentchanges"), options.minutes)
    except ChromiumError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def _start_demo(folder: Path, rate: float, at_end: Callable[..., object]) -> Child:
    options = ["--source", "generated", "--rate", f"{rate:g}", "--port", "0", "--engine-port", "0"]
    demo = Child(python_module("scripts.serving.demo", *options, "--keep", str(folder)))
    at_end(demo.close)
    return demo


if __name__ == "__main__":
    sys.exit(main())
