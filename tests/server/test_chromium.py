"""The strictest client of all, and the one that counts: a browser."""

from __future__ import annotations

import signal
from typing import Any

from playwright.sync_api import Browser, Page

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served, wait_for_clients
from tests.static.conftest import CHROMIUM, QUIET, chromium
from tests.support.processes import PATIENCE, start_server

__all__ = ["chromium"]  # a fixture

OPEN = """
(address) => new Promise((done) => {
  const socket = window.socket = new WebSocket(address);
  window.seen = [];
  window.ended = null;
  socket.onmessage = (event) => window.seen.push(JSON.parse(event.data));
  socket.onclose = (event) => { window.ended = [event.code, event.reason]; done('closed'); };
  socket.onopen = () => done(socket.extensions);
})
"""


def rows_seen(page: Page, number: int) -> dict[str, Any]:
    """The message of that number, from 0 on, among those that are not statuses; waits for it."""
    of_rows = "seen.filter((m) => m.type !== 'status')"
    page.wait_for_function(f"(n) => {of_rows}.length > n", arg=number, timeout=PATIENCE * 1000)
    message: dict[str, Any] = page.evaluate(f"(n) => {of_rows}[n]", number)
    return message


def test_a_browser_takes_every_frame(chromium: Browser, engine: FakeEngine) -> None:
    engine.rows = [(f"user {n}", str(n)) for n in range(20_000)]
    with Served(engine) as served, chromium.new_context() as context:
        served.post(900, 1001)
        page = context.new_page()
        page.goto(served.url + "/healthz")
        extensions = page.evaluate(OPEN, served.address())
        assert "server_no_context_takeover" in extensions
        base = rows_seen(page, 0)
        assert base["rows"] == [list(row) for row in engine.rows]
        for n, size in enumerate((1, 40, 2000)):
            updates = [(1001 + n, 1, (f"user {i}", str(i))) for i in range(size)]
            served.post(1001 + n, 1002 + n, *updates)
            delta = rows_seen(page, 1 + n)
            assert delta["updates"] == [[time, diff, list(row)] for time, diff, row in updates]
        served.process.send(signal.SIGTERM)
        page.wait_for_function("ended !== null")
        code, reason = page.evaluate("ended")
        assert code == 1001
        assert reason.startswith("retry=")


def test_a_page_of_another_origin_is_refused(
    chromium: Browser,
    engine: FakeEngine,
) -> None:
    with Served(engine) as served, Served(engine) as other, chromium.new_context() as context:
        page = context.new_page()
        page.goto(other.url + "/healthz")
        page.evaluate(OPEN, served.address())
        page.wait_for_function("ended !== null")
        reason = f"the origin '{other.url}' is not allowed: see --origin"
        assert page.evaluate("ended") == [4403, reason]
        assert page.evaluate("seen") == []
        assert page.evaluate(OPEN, other.address()) != "closed"
        posted = page.evaluate(
            """(address) => fetch(address, {method: 'POST', mode: 'no-cors', body: '{}'})
                .then((answer) => answer.status, () => 'refused')""",
            served.url + "/view/deltas",
        )
        assert posted in (0, "refused")  # an opaque answer: what the server said is in its metrics
        assert 'viewstream_refusals_total{reason="origin",status="403"}' in served.metrics()
        wait_for_clients(served, 0)


def test_a_page_whose_name_leads_here_reads_nothing(chromium: Browser, engine: FakeEngine) -> None:
    """DNS rebinding, at a server that listens as the one of docker-compose.yml does."""
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1 , MAP * ~NOTFOUND"
    process, url = start_server(
        engine.dsn, "top10", listen="0.0.0.0:0", options=("--host", "server")
    )
    kind = chromium.browser_type
    with process, kind.launch(executable_path=CHROMIUM, args=[*QUIET[:-1], rules]) as browser:
        page = browser.new_page()
        evil = url.replace("0.0.0.0", "evil.example")
        for path in ("/", "/healthz", "/viewstream/index.js"):
            answer = page.goto(evil + path)
            assert answer is not None
            assert answer.status == 403, path
        assert page.evaluate("location.origin") == evil
        assert (
            page.evaluate("fetch('/view/rows?view=top10').then((answer) => answer.status)") == 403
        )
        page.evaluate(OPEN, f"{evil.replace('http', 'ws')}/view/stream?view=top10")
        page.wait_for_function("ended !== null")
        code, reason = page.evaluate("ended")
        assert code == 4403
        assert "evil.example" in reason
        assert "see --host" in reason
        assert page.evaluate("seen") == []
