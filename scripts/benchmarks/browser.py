"""The cost of the page in the browser: script, style, layout, long tasks, layout shifts, memory."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import linear_regression
from typing import TYPE_CHECKING

from scripts.benchmarks._trace import CATEGORIES, MainThread, read_main_thread
from scripts.benchmarks.report import Bar, Measure, Report
from scripts.child import Child, python_module

if TYPE_CHECKING:  # the help of the benchmarks needs the packages of the runtime only
    from playwright.sync_api import Browser, CDPSession, Page

BRIEF = ("--rates", "500", "--seconds", "10")
SMALL = ("--rates", "50", "--seconds", "1")
KEPT_MINUTES = 5
"""How long the page keeps the past for its slider: until then its memory grows."""
_BARRED = 500
"""The rate whose figures have bars."""
_SETTLE = 5.0
"""Seconds after the first rows: code is compiled and the first paint is over."""

_WATCH = """
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) window.shifted += value;
  }).observe({ type: "layout-shift", buffered: true });
"""
_TOTAL = "Number(document.getElementById('count').textContent.replace(/[^0-9]/g, ''))"


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rates", type=float, nargs="+", default=[50, 500, 5000], help="events a second")
    add("--seconds", type=float, default=30, help="traced, for each rate")
    add(
        "--soak",
        type=float,
        default=0,
        metavar="MINUTES",
        help=f"then go on for so long, at least {KEPT_MINUTES + 2}, and measure memory each minute",
    )


def run(options: argparse.Namespace) -> Report:
    from playwright.sync_api import sync_playwright

    from scripts.chromium import start_chromium

    measures: list[Measure] = []
    bars: list[Bar] = []
    late: list[str] = []
    with ExitStack() as stack:
        browser = start_chromium(stack.enter_context(sync_playwright()))
        for rate in options.rates:
            part = _measure(browser, rate, options.seconds, options.soak)
            measures += part[0]
            bars += part[1] if rate == _BARRED else []
            late += [f"{rate:g}"] if part[2] != "live" else []
    notes = [
        "Processor time of the page's main thread, by Chromium's tracing, as part of one core.",
        "The source, the engine and the server run on the same machine.",
    ]
    if late:
        notes.append(f"At {', '.join(late)} events/s the page was late: its rows came in lumps.")
    return Report("browser", measures, bars, notes)


def _measure(
    browser: Browser, rate: float, seconds: float, soak: float
) -> tuple[list[Measure], list[Bar], str]:
    """Return the measures and the bars of a rate, and the state that the page shows."""
    with _page(browser, rate) as page:
        session = page.context.new_cdp_session(page)
        time.sleep(_SETTLE)
        total = page.evaluate(_TOTAL)
        thread = _trace(browser, page, seconds)
        shown = (page.evaluate(_TOTAL) - total) / seconds
        shifted = page.evaluate("shifted")
        state = page.evaluate("document.documentElement.dataset.state")
        share = 100 * thread.of("script", "style", "layout") / seconds
        at = f"{rate:g} events/s"
        measures = [
            Measure(f"{at}: shown on the page", shown, "events/s"),
            *(
                Measure(f"{at}: {kind}", 100 * thread.of(kind) / seconds, "% of a core")
                for kind in ("script", "style", "layout", "paint")
            ),
            Measure(f"{at}: script, style and layout", share, "% of a core"),
            Measure(f"{at}: frames", thread.frames / seconds, "a second"),
            Measure(f"{at}: longest task", 1000 * thread.longest_task, "ms"),
            Measure(f"{at}: layout shifts since the load", shifted, "CLS"),
        ]
        bars = [
            Bar(f"{at}: script, style and layout", share, "<=", 5, "% of a core"),
            Bar(f"{at}: longest task", 1000 * thread.longest_task, "<=", 50, "ms"),
            Bar(f"{at}: layout shifts", shifted, "<=", 0.05, "CLS"),
        ]
        if soak > 0:
            sizes = list(_soak(session, soak))
            grown = _growth(sizes)
            measures += [
                Measure(f"{at}: memory of the page after {minute} min", size, "MB")
                for minute, size in enumerate(sizes, 1)
            ]
            measures.append(Measure(f"{at}: growth of memory", grown, "MB an hour"))
            bars.append(Bar(f"{at}: growth of memory", grown, "<=", 5, "MB an hour"))
        return measures, bars, state


@contextmanager
def _page(browser: Browser, rate: float) -> Iterator[Page]:
    """Provide the page of a demo at this rate, once it shows rows."""
    options = ["--source", "generated", "--rate", f"{rate:g}", "--no-pipes"]
    demo = Child(
        python_module("scripts.serving.demo", *options, "--port", "0", "--engine-port", "0")
    )
    try:
        url = demo.wait_for(r"^    open      (\S+)")[1]
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(url)
        page.locator("body[data-known]").wait_for()
        yield page
        context.close()
    finally:
        demo.close()


def _trace(browser: Browser, page: Page, seconds: float) -> MainThread:
    browser.start_tracing(page=page, categories=CATEGORIES)
    time.sleep(seconds)
    return read_main_thread(json.loads(browser.stop_tracing())["traceEvents"])


def _soak(session: CDPSession, minutes: float) -> Iterator[float]:
    """Measure the page's memory after each minute, in MB; each is logged as it comes."""
    began = time.monotonic()
    for minute in range(1, round(max(minutes, KEPT_MINUTES + 2)) + 1):
        time.sleep(max(0.0, began + 60 * minute - time.monotonic()))
        size = _heap(session)
        print(f"browser: {size:.1f} MB after {minute} min", file=sys.stderr, flush=True)
        yield size


def _growth(sizes: Sequence[float]) -> float:
    """Return the slope of the sizes, one a minute, in an hour, once as much as ever is kept."""
    return 60 * linear_regression(range(len(sizes) - KEPT_MINUTES), sizes[KEPT_MINUTES:]).slope


def _heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6
