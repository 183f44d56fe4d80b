"""The pages /views and /views/NAME in a real Chromium, from a scripted server."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.npm import INSTALLS, TOOLS, install, system_node
from tests.support.processes import wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.checksum import checksum
from viewstream.protocol import Base, Column, Delta, Row, Status

EPOCH = "1795379829077-u7"
USER, COUNT = Column("user", "text"), Column("count", "int8")
PHONE = {"width": 360, "height": 740}


def now() -> int:
    return time.time_ns() // 1_000_000


class Table:
    """Sends one view: a base, then a delta for each `become`."""

    def __init__(
        self,
        connection: Connection,
        rows: list[Row],
        columns: list[Column] | None = None,
        view: str = "top10",
    ) -> None:
        self.connection, self.view, self.rows = connection, view, rows
        self.frontier = now()
        base = Base(view, EPOCH, self.frontier, columns or [USER, COUNT], rows, self._checksum())
        connection.send(base)
        connection.send(Status(view, "live"))

    def _checksum(self) -> int:
        return checksum((1, row) for row in self.rows)

    def become(self, *rows: Row, upper: int | None = None) -> None:
        later = max(now(), self.frontier + 1) if upper is None else upper
        lower, self.frontier = self.frontier, later
        gone, come = set(self.rows) - set(rows), set(rows) - set(self.rows)
        changes = [(lower, -1, row) for row in gone] + [(lower, 1, row) for row in come]
        self.rows = list(rows)
        total = self._checksum()
        self.connection.send(Delta(self.view, EPOCH, lower, self.frontier, changes, checksum=total))


def texts(page: Page) -> list[list[str]]:
    """The cells of the rows in sight, from top to bottom."""
    rows: list[list[str]] = page.evaluate("""() =>
      [...document.querySelectorAll("#body .row")]
        .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
        .map((row) => [...row.children].map((cell) => cell.textContent))""")
    return rows


def wait_for_rows(page: Page, *rows: list[str]) -> None:
    wait_until(lambda: texts(page) == list(rows), f"the rows {rows}")


def head(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader").filter(has_text=name)


def entry(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "materialized view",
        "rows": 1234,
        "state": "live",
        "problem": None,
        "epoch": EPOCH,
        "frontier": now() - 1000,
        "clients": 3,
        "columns": [{"name": "user", "type": "text"}, {"name": "count", "type": "int8"}],
        "sql": f"CREATE MATERIALIZED VIEW {name} AS\n-- For tests.\nSELECT 1",
        **fields,
    }


# One view


def test_rows_come_change_and_go(stream: ScriptedStream, page: Page) -> None:
    stream.views = [entry("top10")]
    page.goto(f"{stream.url}/views/top10")
    table = Table(stream.connection(0), [("Alice", "12"), ("Bob", "9")])
    assert stream.connection(0).views == ["top10"]
    wait_for_rows(page, ["Alice", "12"], ["Bob", "9"])
    expect(page).to_have_title("top10 · viewstream")
    expect(page.locator("#facts")).to_have_text("For tests.")
    expect(page.locator("#standing-text")).to_have_text("Live")
    table.become(("Alice", "12"), ("Bob", "20"), ("Carol", "1"))
    wait_for_rows(page, ["Bob", "20"], ["Alice", "12"], ["Carol", "1"])
    expect(page.locator("#count")).to_have_text("3 rows")
    table.become()
    expect(page.locator("#empty")).to_have_text("The view has no rows now.")


def test_what_changed_flashes(stream: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page(reduced_motion="no-preference")
    page.goto(f"{stream.url}/views/top10")
    table = Table(stream.connection(0), [("Alice", "12"), ("Bob", "9")])
    wait_for_rows(page, ["Alice", "12"], ["Bob", "9"])
    assert page.locator(".come, .changed").count() == 0
    counts = cycle(["10", "11"])

    def is_seen() -> bool:
        """Change a row, and replace one: a busy page paints some changes when they are no news."""
        count = next(counts)
        new = f"Carol {count}"
        table.become(("Alice", "12"), ("Bob", count), (new, "1"))
        wait_for_rows(page, ["Alice", "12"], ["Bob", count], [new, "1"])
        come = page.locator(".row.come .cell").all_inner_texts()
        return page.locator(".changed").all_inner_texts() == [count] and come == [new, "1"]

    wait_until(is_seen, "a flash of what changed, and of nothing else")


def test_a_click_or_a_key_sorts(stream: ScriptedStream, page: Page) -> None:
    page.goto(f"{stream.url}/views/top10")
    Table(stream.connection(0), [("Alice", "2"), ("Bob", "10"), ("Carol", "9")])
    wait_for_rows(page, ["Bob", "10"], ["Carol", "9"], ["Alice", "2"])
    expect(head(page, "count")).to_have_attribute("aria-sort", "descending")
    head(page, "user").get_by_role("button").click()
    wait_for_rows(page, ["Alice", "2"], ["Bob", "10"], ["Carol", "9"])
    page.keyboard.press("Enter")
    wait_for_rows(page, ["Carol", "9"], ["Bob", "10"], ["Alice", "2"])
    expect(head(page, "user")).to_have_attribute("aria-sort", "descending")
    expect(head(page, "count")).to_have_attribute("aria-sort", "none")
    expect(page.locator("#said")).to_have_text("Sorted by user, descending")


def test_the_keyboard_filters_and_returns(stream: ScriptedStream, page: Page) -> None:
    page.goto(f"{stream.url}/views/top10")
    table = Table(stream.connection(0), [("Alice", "2"), ("Bob", "10")])
    wait_for_rows(page, ["Bob", "10"], ["Alice", "2"])
    page.keyboard.press("/")
    page.keyboard.type("ali")
    wait_for_rows(page, ["Alice", "2"])
    expect(page.locator("#count")).to_have_text("1 of 2 rows")
    table.become(("Alice", "2"), ("Bob", "10"), ("Alina", "3"))
    wait_for_rows(page, ["Alina", "3"], ["Alice", "2"])
    page.keyboard.type("xyz")
    expect(page.locator("#empty")).to_have_text("No row has these words.")
    page.keyboard.press("Escape")
    wait_for_rows(page, ["Bob", "10"], ["Alina", "3"], ["Alice", "2"])
    expect(page.locator("#rows")).to_be_focused()


def test_values_look_as_their_types_ask_for(stream: ScriptedStream, page: Page) -> None:
    columns = [USER, COUNT, Column("ok", "bool"), Column("url", "text"), Column("j", "jsonb")]
    page.goto(f"{stream.url}/views/top10")
    rows: list[Row] = [
        ("", "1152921504606846976", "t", "https://example.org/?a=1", '{"a":1}'),
        (None, None, None, "javascript:document.title='owned'", None),
    ]
    Table(stream.connection(0), rows, columns)
    first, second = (
        ["empty text", "1152921504606846976", "true", "https://example.org/?a=1", '{"a":1}'],
        ["NULL", "NULL", "NULL", "javascript:document.title='owned'", "NULL"],
    )
    wait_for_rows(page, first, second)
    assert page.locator("#body .cell.null").count() == 4
    links = page.locator("#body a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.org/?a=1")
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")
    cell = page.locator("#body .cell.number").first
    assert cell.evaluate("e => getComputedStyle(e).textAlign") == "right"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x onerror=\"document.title='owned'\">", None),
        ("<script>document.title='owned'</script>", None),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("   ", "␣␣␣"),
        ("__proto__", None),
        ("bell\u0007", "bell␇"),
    ],
)
def test_names_and_values_are_only_ever_text(
    stream: ScriptedStream, page: Page, text: str, shown: str | None
) -> None:
    """As a value, as the name of a column, and as that of the view."""
    page.goto(f"{stream.url}/views/{quote(text, safe='')}")
    column = Column(text, "text")
    Table(stream.connection(0), [(text,)], [column], view=text)
    wait_for_rows(page, [shown or text])
    expect(page.locator("#name")).to_have_text(shown or text)
    assert page.locator("#name *, #head bdi *, #body bdi *").count() == 0
    assert "owned" not in page.title().split(" · ")[-1]
    assert stream.connection(0).views == [text.replace("\u0007", " ")]  # as Tornado reads it


def test_a_row_that_is_there_twice_is_shown_twice(stream: ScriptedStream, page: Page) -> None:
    page.goto(f"{stream.url}/views/top10")
    Table(stream.connection(0), [("Alice", "1"), ("Alice", "1"), ("Bob", "0")])
    wait_for_rows(page, ["Alice", "1"], ["Alice", "1"], ["Bob", "0"])


def test_rows_are_copied_as_csv(stream: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{stream.url}/views/top10")
    Table(stream.connection(0), [('A "B"', "2"), ("=1+1", "10"), (None, "1")])
    wait_for_rows(page, ["=1+1", "10"], ['A "B"', "2"], ["NULL", "1"])
    page.get_by_role("button", name="Copy as CSV").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == ["user,count", "'=1+1,10", '"A ""B""",2', ",1"]


def test_ten_thousand_rows_are_smooth(stream: ScriptedStream, page: Page) -> None:
    """Only rows in sight are elements, and a change moves nothing that stays where it is."""
    page.goto(f"{stream.url}/views/useredits")
    rows: list[Row] = [(f"User {at}", str(at)) for at in range(10_000)]
    table = Table(stream.connection(0), rows, view="useredits")
    expect(page.locator("#count")).to_have_text("10,000 rows")
    assert page.locator("#body .row").count() < 100
    expect(page.locator("#table")).to_have_attribute("aria-rowcount", "10001")
    wait_until(lambda: texts(page)[0] == ["User 9999", "9999"], "the largest first")
    page.evaluate("""() => {
      window.kept = document.querySelector("#body .row");
      const grid = document.querySelector("#rows");
      grid.scrollTop = grid.scrollHeight;
    }""")
    wait_until(lambda: texts(page)[-1] == ["User 0", "0"], "the smallest last")
    page.evaluate("document.querySelector('#rows').scrollTop = 0")
    wait_until(lambda: texts(page)[0] == ["User 9999", "9999"], "the largest first again")
    page.evaluate("window.first = document.querySelector('#body .row')")
    table.become(*rows[:-2], ("User 9998", "9998"), ("User 9999", "20000"))
    wait_until(lambda: texts(page)[0] == ["User 9999", "20000"], "the change")
    kept = page.evaluate("[...document.querySelectorAll('#body .row')].includes(window.first)")
    is_first = page.evaluate("window.first.textContent")
    assert kept == (is_first != "User 99999999"), "an element stays with its row"


def test_a_killed_server_is_seen_and_the_rows_go_on(stream: ScriptedStream, page: Page) -> None:
    page.goto(f"{stream.url}/views/top10")
    table = Table(stream.connection(0), [("Alice", "1")])
    wait_for_rows(page, ["Alice", "1"])
    stream.connection(0).cut()
    expect(page.locator("#notice")).to_contain_text("The connection is lost")
    assert texts(page) == [["Alice", "1"]]
    again = stream.connection(1)
    assert again.views == [f"top10@{EPOCH}:{table.frontier}"]
    table.connection = again
    again.send(Status("top10", "live"))
    table.become(("Alice", "2"))
    wait_for_rows(page, ["Alice", "2"])
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#notice")).to_be_hidden()


def test_back_and_forward_keep_a_page_alive(stream: ScriptedStream, page: Page) -> None:
    stream.views = [entry("top10")]
    stream.on_open = lambda connection: Table(connection, [("Alice", "1")]) and None
    page.goto(f"{stream.url}/views")
    page.get_by_role("link", name="top10").click()
    wait_for_rows(page, ["Alice", "1"])
    page.go_back()
    expect(page.get_by_role("heading", name="Views")).to_be_visible()
    page.go_forward()
    wait_for_rows(page, ["Alice", "1"])
    expect(page.locator("#standing-text")).to_have_text("Live")


def test_a_refused_view_is_no_empty_table(stream: ScriptedStream, page: Page) -> None:
    stream.on_open = lambda connection: connection.close(4404, "no view 'nosuch'")
    page.goto(f"{stream.url}/views/nosuch")
    expect(page.locator("#notice")).to_contain_text("no view 'nosuch'")
    expect(page.locator("#rows")).to_be_hidden()


# All views


def test_views_are_listed_with_what_they_are(stream: ScriptedStream, page: Page) -> None:
    stream.views = [
        entry("top10"),
        entry("mz_tails", kind="internal table", sql=None, clients=0, rows=None),
        entry("late", state="stale", problem="nothing was posted for 15 s", frontier=None),
    ]
    page.goto(f"{stream.url}/views")
    top10 = page.locator("#own .view-card").filter(has_text="top10")
    expect(top10.locator(".purpose")).to_have_text("For tests.")
    expect(top10.locator(".view-state")).to_have_text("live")
    facts = top10.locator("dd")
    expect(facts.first).to_have_text("1,234")
    expect(facts.last).to_have_text("3")
    expect(top10.locator(".columns li")).to_have_text(["user text", "count int8"])
    top10.locator("summary").click()
    expect(top10.locator("code")).to_have_text("CREATE MATERIALIZED VIEW top10 AS\nSELECT 1")
    internal = page.locator("#internal .view-card")
    expect(internal).to_contain_text("mz_tails")
    expect(internal.locator("dd").first).to_have_text("\u2013")
    late = page.locator("#own .view-card").filter(has_text="late")
    expect(late.locator(".view-state")).to_have_text("stale: no changes arrive from the pipeline")
    stream.views = [entry("top10", rows=1235), entry("fresh")]
    expect(facts.first).to_have_text("1,235")
    expect(page.locator(".view-card")).to_have_count(2)
    expect(top10.locator("code")).to_be_visible()  # what was opened stays open


def test_a_server_that_is_away_is_told_and_asked_again(
    stream: ScriptedStream, chromium: Browser
) -> None:
    page = chromium.new_page()  # not `page`: a browser itself complains of what does not load
    stream.views = [entry("top10")]
    page.goto(f"{stream.url}/views")
    expect(page.locator("#standing-text")).to_have_text("Live")
    page.route("**/view/list", lambda route: route.abort())
    expect(page.locator("#notice")).to_contain_text("The connection is lost")
    expect(page.locator(".view-card")).to_have_count(1)
    page.unroute("**/view/list")
    page.get_by_role("button", name="Retry now").click()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#standing-text")).to_have_text("Live")
    page.close()


def test_a_refused_list_says_why(stream: ScriptedStream, chromium: Browser) -> None:
    page = chromium.new_page()
    stream.views = 401
    page.goto(f"{stream.url}/views")
    expect(page.locator("#notice")).to_contain_text("refuses this page: refused by the script")
    page.close()


def test_names_of_listed_views_are_only_ever_text(stream: ScriptedStream, page: Page) -> None:
    name = "<img src=x onerror=\"document.title='owned'\">"
    stream.views = [entry(name, sql="-- <b>bold</b>\nSELECT '<script>'")]
    page.goto(f"{stream.url}/views")
    link = page.get_by_role("link", name=name)
    expect(link).to_have_attribute("href", "views/" + quote(name, safe="()*'!~"))
    expect(page.locator(".purpose")).to_have_text("<b>bold</b>")
    expect(page).to_have_title("Views · viewstream")


# Both


@INSTALLS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/views", "/views/top10", "/views/nosuch"])
def test_axe_finds_nothing(
    stream: ScriptedStream, new_page: Callable[..., Page], scheme: str, path: str
) -> None:
    system_node()
    axe = (install(TOOLS) / "axe-core" / "axe.min.js").read_text("utf-8")
    stream.views = [entry("top10"), entry("x", state="stale", problem="division by zero")]
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(stream.url + path)
    if path == "/views":
        expect(page.locator(".view-card")).to_have_count(2)
        page.locator("summary").first.click()
    elif path == "/views/top10":
        table = Table(stream.connection(0), [("Alice", "12"), (None, None), ("", "1")])
        table.become(("Alice", "12"), (None, None), ("", "2"))
        expect(page.locator("#count")).to_have_text("3 rows")
        page.locator("summary").click()
    else:
        stream.connection(0).close(4404, "no view 'nosuch'")
        expect(page.locator("#notice")).to_be_visible()
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("path", ["/views", "/views/top10"])
def test_a_phone_scrolls_the_table_and_not_the_page(
    stream: ScriptedStream, new_page: Callable[..., Page], path: str
) -> None:
    page = new_page(viewport=PHONE, is_mobile=True, has_touch=True)
    long = "a_name_without_any_blank_that_is_longer_than_a_phone_is_wide"
    stream.views = [entry("top10"), entry(long)]
    page.goto(stream.url + path)
    if path != "/views":
        columns = [USER, *(Column(f"column_{at}", "int8") for at in range(8))]
        Table(stream.connection(0), [("Alice " * 20, *map(str, range(8)))], columns)
        expect(page.locator("#count")).to_have_text("1 row")
    else:
        expect(page.locator(".view-card")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
