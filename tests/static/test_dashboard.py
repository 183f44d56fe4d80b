"""The dashboard in a real browser, against a server that says what each test tells it to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from server.checksum import checksum
from server.protocol import MAX_TIME, Base, Column, Delta, Row, Status
from tests.support.processes import wait_until
from tests.support.scripted_stream import Connection, ScriptedStream

EPOCH = "1795379829077-u7"
COUNT = Column("count", "int8")
USER = Column("user", "text")
ALICE, BOB, CAROL = ("Alice", "12"), ("Bob", "9"), ("Carol", "3")


def now() -> int:
    return time.time_ns() // 1_000_000


class Views:
    """What a server says of the two views: a base each, and then what is told to happen."""

    def __init__(self, connection: Connection, total: int = 24, *editors: Row) -> None:
        self.connection = connection
        self.total = total
        self.frontier = now()
        self.editors = editors
        rows = [(str(total),)]
        connection.send(Base("counter", EPOCH, self.frontier, [COUNT], rows))
        connection.send(
            Base("top10", EPOCH, self.frontier, [USER, COUNT], editors, self._checksum())
        )
        for view in ("counter", "top10"):
            connection.send(Status(view, "live"))

    def _checksum(self) -> int:
        return checksum((1, row) for row in self.editors)

    def become(self, total: int, *editors: Row) -> None:
        lower, self.frontier = self.frontier, max(now(), self.frontier + 1)
        gone, come = set(self.editors) - set(editors), set(editors) - set(self.editors)
        edits = [(lower, -1, (str(self.total),)), (lower, 1, (str(total),))]
        self.total, self.editors = total, editors
        changes = [(lower, -1, row) for row in gone] + [(lower, 1, row) for row in come]
        self.connection.send(Delta("counter", EPOCH, lower, self.frontier, edits))
        self.connection.send(
            Delta("top10", EPOCH, lower, self.frontier, changes, checksum=self._checksum())
        )


def editors(page: Page) -> list[str]:
    return page.locator("#bars li .name").all_inner_texts()


def wait_for_editors(page: Page, *names: str) -> None:
    expect(page.locator("#bars li .name")).to_have_text(list(names))


def total(page: Page) -> Any:
    return page.locator("#count .spoken")


def test_shows_the_count_and_the_bars(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Connecting")
    expect(total(page)).to_have_text("\N{EN DASH}")
    connection = stream.connection(0)
    assert connection.views == ["counter", "top10"]
    views = Views(connection, 1024, BOB, ALICE)
    wait_for_editors(page, "Alice", "Bob")
    expect(total(page)).to_have_text("1,024")
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#source")).to_have_text("Source: generated")
    views.become(1031, BOB, ("Alice", "13"), CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    expect(page.locator("#bars li .count")).to_have_text(["13", "9", "3"])
    expect(total(page)).to_have_text("1,031")


def test_bars_are_as_long_as_their_counts(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, ("Alice", "12"), ("Bob", "6"), ("Carol", "3"))
    wait_for_editors(page, "Alice", "Bob", "Carol")
    widths = page.locator(".fill").evaluate_all("fills => fills.map(f => f.offsetWidth)")
    assert widths[1] / widths[0] == pytest.approx(0.5, abs=0.01)
    assert widths[2] / widths[0] == pytest.approx(0.25, abs=0.01)


def test_a_bar_belongs_to_its_editor_when_ranks_change(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate("for (const li of document.querySelectorAll('#bars li')) li.was = li.innerText")
    views.become(30, ALICE, ("Bob", "15"), ("Dora", "4"))
    wait_for_editors(page, "Bob", "Alice", "Dora")
    was = page.locator("#bars li").evaluate_all("items => items.map(li => li.was ?? null)")
    assert [text and text.split("\n")[1] for text in was] == ["Bob", "Alice", None]
    expect(page.locator("#bars li .rank")).to_have_text(["1", "2", "3"])


RECORD_MOTION = """() => {
  window.motions = [];
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (...args) {
    if (this.tagName === "LI") window.motions.push(this.querySelector(".name").textContent);
    return animate.apply(this, args);
  };
}"""


def test_ranks_change_with_motion(stream: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate(RECORD_MOTION)
    views.become(30, ALICE, ("Bob", "15"), CAROL)
    wait_for_editors(page, "Bob", "Alice", "Carol")
    assert sorted(page.evaluate("window.motions")) == ["Alice", "Bob"]


def test_nothing_moves_for_who_asked_for_less_motion(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    page.evaluate(RECORD_MOTION)
    views.become(30, ALICE, ("Bob", "15"))
    wait_for_editors(page, "Bob", "Alice")
    assert page.evaluate("window.motions") == []
    assert page.evaluate("document.getAnimations().length") == 0


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\" onmouseover=\"document.title='owned'",
    "javascript:document.title='owned'",
    "\u202eevil\u202c",
    "&amp;<b>bold</b>",
    "__proto__",
    "漢字",
]


def test_names_of_editors_are_text_whatever_they_hold(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    rows = [(name, str(100 - at)) for at, name in enumerate(HOSTILE)]
    Views(stream.connection(0), 24, *rows)
    expect(page.locator("#bars li")).to_have_count(len(HOSTILE))
    assert page.locator("#bars li .name").evaluate_all("n => n.map(e => e.textContent)") == HOSTILE
    assert page.locator("#bars li .name *").count() == 0
    page.locator("#bars li .name").nth(2).hover()
    assert page.title() == "viewstream"


def test_null_and_empty_names_are_told_apart(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, (None, "9"), ("", "8"), ("null", "7"))
    wait_for_editors(page, "not known", "no name", "null")


def test_counts_keep_every_digit(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 2**63 - 1, ("Alice", str(2**53 + 1)))
    expect(total(page)).to_have_text("9,223,372,036,854,775,807")
    expect(page.locator(".count")).to_have_text("9,007,199,254,740,993")


def test_an_empty_view_shows_as_empty(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    expect(page.locator("#editors-note")).to_have_text("Waiting for the first rows.")
    views = Views(stream.connection(0), 0)
    expect(total(page)).to_have_text("0")
    expect(page.locator("#editors-note")).to_have_text("No edits yet: the view is empty.")
    expect(page.locator("#standing-text")).to_have_text("Live")
    views.become(1, CAROL)
    wait_for_editors(page, "Carol")
    expect(page.locator("#editors-note")).to_be_hidden()


def test_a_lost_connection_keeps_what_there_was_and_resumes(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    views.connection.close(1001, "retry=1")
    expect(page.locator("#standing-text")).to_have_text("Reconnecting")
    expect(page.locator("#notice")).to_contain_text("what you see is how things stood then")
    assert editors(page) == ["Alice", "Bob"]
    views.connection = stream.connection(1)
    at = f"{EPOCH}:{views.frontier}"
    assert views.connection.views == [f"counter@{at}", f"top10@{at}"]
    views.become(25, ALICE, ("Bob", "10"))
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator(".count")).to_have_text(["12", "10"])


def test_a_gap_brings_a_new_base_and_shows_no_mix(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    beyond = views.frontier + 5
    views.connection.send(Delta("top10", EPOCH, beyond, beyond + 1, [(beyond, 1, CAROL)]))
    assert views.connection.wait_closed() == 4000
    assert editors(page) == ["Alice", "Bob"]
    again = stream.connection(1)
    assert again.views == [f"counter@{EPOCH}:{views.frontier}", "top10"]
    again.send(Base("top10", EPOCH, beyond + 1, [USER, COUNT], [BOB, CAROL]))
    wait_for_editors(page, "Bob", "Carol")


def test_a_replaced_view_replaces_everything(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    other = Base("top10", "1795379829077-u9", 5, [USER, COUNT], [CAROL])
    views.connection.send(other)
    wait_for_editors(page, "Carol")


def test_rows_that_stay_wrong_are_shown_as_unverified(stream: ScriptedStream, page: Page) -> None:
    def wrong(connection: Connection) -> None:
        connection.send(Base("counter", EPOCH, now(), [COUNT], [("7",)]))
        connection.send(Base("top10", EPOCH, now(), [USER, COUNT], [ALICE], checksum=1))

    stream.on_open = wrong
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Unverified", timeout=20_000)
    assert [stream.connection(at).wait_closed() for at in (0, 1)] == [4001, 4001]
    assert editors(page) == ["Alice"]
    expect(page.locator("#notice")).to_contain_text("may be wrong")


@pytest.mark.parametrize(
    ("state", "word", "reason"),
    [
        ("waiting", "Waiting", "the engine does not answer"),
        ("stale", "Stale", "nothing was posted for 15 s"),
    ],
)
def test_says_why_a_view_is_not_live(
    stream: ScriptedStream, page: Page, state: Any, word: str, reason: str
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    views.connection.send(Status("top10", state, reason))
    expect(page.locator("#standing-text")).to_have_text(word)
    expect(page.locator("#notice")).to_contain_text(f"top10: {reason}.")
    assert editors(page) == ["Alice"]


def test_tells_how_old_what_it_shows_is(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    old = now() - 5 * 60_000
    for view, columns, rows in (("counter", [COUNT], [("7",)]), ("top10", [USER, COUNT], [ALICE])):
        connection.send(Base(view, EPOCH, old, columns, rows))
    expect(page.locator("#age")).to_have_text("5 min old")


def test_what_can_no_longer_change_does_not_grow_old(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    for view, columns, rows in (("counter", [COUNT], [("7",)]), ("top10", [USER, COUNT], [ALICE])):
        connection.send(Base(view, EPOCH, MAX_TIME, columns, rows))
    page.locator("summary").click()
    expect(page.locator("#views tr").first).to_contain_text("for ever")
    expect(page.locator("#age")).to_have_text("")


def test_a_server_that_does_not_say_its_source_is_fine(stream: ScriptedStream, page: Page) -> None:
    stream.about = None
    page.goto(stream.url)
    Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    expect(page.locator("#source")).to_be_hidden()


HOLD_FRAMES = """() => {
  window.held = [];
  window.requestAnimationFrame = (paint) => window.held.push(paint);
}"""


def test_a_hidden_tab_paints_once_what_is_true_when_it_is_seen_again(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 12, ALICE)
    wait_for_editors(page, "Alice")
    # A hidden tab gets no frames.
    page.evaluate(HOLD_FRAMES)
    for count in range(13, 63):
        views.become(count, ("Alice", str(count)))
    paints = []

    def seen_again() -> bool:
        paints.append(page.evaluate("held.splice(0).map(paint => paint()).length"))
        return bool(total(page).inner_text() == "62")

    wait_until(seen_again, "the latest total")
    assert max(paints) == 1


PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}])
def test_fits_its_window_and_can_be_read(
    stream: ScriptedStream, new_page: Callable[..., Page], scheme: str, viewport: Any
) -> None:
    page = new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page.goto(stream.url)
    rows = [("An editor with a name that is longer than any line of a phone", "123456"), ALICE]
    Views(stream.connection(0), 1_234_567_890, *rows)
    expect(page.locator("#bars li")).to_have_count(2)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for selector in ("h1", "h2", ".name", ".count", ".rank", "#standing-text", "#age", "#source"):
        ratio = page.evaluate(CONTRAST, selector)
        assert ratio >= 4.5, f"{selector} has a contrast of {ratio:.2f}"


CONTRAST = """selector => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => rgb(text).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const element = document.querySelector(selector);
  let behind = element;
  const solid = e => (rgb(getComputedStyle(e).backgroundColor)[3] ?? 1) === 1;
  while (!solid(behind)) behind = behind.parentElement;
  const [a, b] = [light(getComputedStyle(element).color),
                  light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_is_read_aloud_in_order(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 1024, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    spoken = page.locator("main").aria_snapshot()
    assert "Edits so far" in spoken
    assert "1,024" in spoken
    assert spoken.count("listitem") == 2
    assert spoken.index("Alice") < spoken.index("Bob")
    expect(page.get_by_role("list", name="")).to_have_count(1)


def test_a_large_base_does_not_hold_up_the_page(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    connection.send(Base("counter", EPOCH, now(), [COUNT], [("7",)]))
    expect(total(page)).to_have_text("7")
    rows = [(f"editor {number}", str(number)) for number in range(100_000)]
    text = json.dumps(
        {
            "type": "base",
            "view": "useredits",
            "epoch": EPOCH,
            "upper": 5,
            "columns": [{"name": "user", "type": "text"}, {"name": "count", "type": "int8"}],
            "rows": rows,
            "checksum": checksum((1, row) for row in rows),
        }
    )
    page.evaluate(
        """async () => {
          const { follow } = await import("/viewstream/index.js");
          window.stream = follow(["useredits"]);
        }"""
    )
    second = stream.connection(1)
    page.evaluate(
        """() => {
          window.longest = 0;
          new PerformanceObserver(list => {
            for (const { duration } of list.getEntries())
              window.longest = Math.max(window.longest, duration);
          }).observe({ type: "longtask" });
        }"""
    )
    second.send(text)
    wait_until(lambda: page.evaluate("window.stream.view('useredits').loaded"), "the base")
    assert page.evaluate("window.stream.view('useredits').size") == 100_000
    assert page.evaluate("window.stream.view('useredits').standing.state") == "live"
    # What is left in one piece is JSON.parse; the work on the rows would be a multiple of it.
    parse = page.evaluate(
        """text => { const begin = performance.now(); JSON.parse(text);
                     return performance.now() - begin; }""",
        text,
    )
    assert page.evaluate("window.longest") < 3 * parse + 60
