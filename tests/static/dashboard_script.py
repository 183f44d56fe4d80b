"""The messages that a scripted server sends to the dashboard, and what to read on the page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from playwright.sync_api import Locator, Page, expect

from tests.support.scripted_stream import Connection
from viewstream.checksum import checksum
from viewstream.protocol import Base, Column, Delta, Row, Status

EPOCH = "1795379829077-u7"
COUNT = Column("count", "int8")
USER = Column("user", "text")
ALICE, BOB, CAROL = ("Alice", "12"), ("Bob", "9"), ("Carol", "3")

_EDIT = [
    Column("id", "int8"),
    Column("time", "timestamptz"),
    Column("title", "text"),
    USER,
    Column("wiki", "text"),
    Column("language", "text"),
    Column("url", "text"),
    Column("bytes", "int8"),
    Column("bot", "bool"),
]
COLUMNS = {
    "counter": [COUNT],
    "edits_per_second": [Column("second", "timestamptz"), Column("edits", "int8")],
    "top10": [USER, COUNT],
    "top10_hour": [USER, COUNT],
    "top10_5min": [USER, COUNT],
    "edits_by_language": [
        Column("code", "text"),
        Column("language", "text"),
        Column("native", "text"),
        Column("edits", "int8"),
    ],
    "editors": [Column("kind", "text"), Column("edits", "int8")],
    "latest_edits": _EDIT,
    "new_accounts": [
        Column("id", "int8"),
        USER,
        Column("created", "timestamptz"),
        *(_EDIT[at] for at in (1, 2, 4, 6, 7)),
    ],
    "biggest_changes": [column for column in _EDIT if column.name != "language"],
    "edit_wars": [
        Column("wiki", "text"),
        Column("title", "text"),
        Column("url", "text"),
        Column("people", "int8"),
        Column("edits", "int8"),
        Column("latest", "timestamptz"),
    ],
}
"""The views that the page follows, with their columns."""


def now() -> int:
    return time.time_ns() // 1_000_000


def timestamp(milliseconds: int) -> str:
    """Return PostgreSQL's text of a time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S+00")


def edit(number: int, title: str = "A page", user: str = "Alice", change: int = 10) -> Row:
    """Return a row of `latest_edits`."""
    url = f"https://en.wikipedia.org/w/index.php?diff={number}"
    size = str(change)
    return (str(number), timestamp(now()), title, user, "enwiki", "English", url, size, "f")


class Scene:
    """Sends some views and refuses the others: a base of each, then a delta for each `become`."""

    def __init__(
        self,
        connection: Connection,
        views: Mapping[str, Sequence[Row]],
        frontier: int | None = None,
    ) -> None:
        self.connection = connection
        self.frontier = now() if frontier is None else frontier
        self.rows: dict[str, Sequence[Row]] = dict(views)
        self._refuse_others()
        for view, rows in views.items():
            columns, check = COLUMNS[view], checksum((1, row) for row in rows)
            connection.send(Base(view, EPOCH, self.frontier, columns, list(rows), check))
            connection.send(Status(view, "live"))

    def _refuse_others(self) -> None:
        for view in COLUMNS:
            if view not in self.rows:
                self.connection.send(Status(view, "refused", f"no view {view!r}"))

    def resume(self, connection: Connection) -> None:
        """Go on over another connection, which has named the position of each view."""
        self.connection = connection
        self._refuse_others()
        for view in self.rows:
            connection.send(Status(view, "live"))

    def become(self, upper: int | None = None, **views: Sequence[Row]) -> None:
        """Change the rows of these views; the others make progress."""
        later = max(now(), self.frontier + 1) if upper is None else upper
        for view in self.rows:
            self.send_delta(view, views.get(view, self.rows[view]), later)
        self.frontier = later

    def merge(self, upper: int, **views: Sequence[Row]) -> None:
        """Change these views by merged deltas: the times of their changes are not sent."""
        for view in self.rows:
            self.send_delta(view, views.get(view, self.rows[view]), upper, is_folded=True)
        self.frontier = upper

    def send_delta(
        self, view: str, rows: Sequence[Row], upper: int, *, is_folded: bool = False
    ) -> None:
        """Change one view only: the page has the others at another time."""
        before, after = set(self.rows[view]), set(rows)
        at = upper - 1 if is_folded else self.frontier
        changes = [(at, -1, row) for row in before - after]
        changes += [(at, 1, row) for row in after - before]
        self.rows[view] = rows
        check = checksum((1, row) for row in rows)
        self.connection.send(
            Delta(view, EPOCH, self.frontier, upper, changes, is_folded, checksum=check)
        )


class Views(Scene):
    """The two views of a small server: a total, and the ranking of all time."""

    def __init__(self, connection: Connection, total: int = 24, *editors: Row) -> None:
        super().__init__(connection, {"counter": [(str(total),)], "top10": editors})

    def become_total(self, total: int, *editors: Row) -> None:
        self.become(counter=[(str(total),)], top10=editors)


def whole_scene(connection: Connection, frontier: int | None = None) -> Scene:
    """Send rows of every view."""
    at = now() if frontier is None else frontier
    seconds = [(timestamp(at - 1000 * ago), str(40 + ago % 7)) for ago in range(1, 301)]
    editors = [(f"Editor {number}", str(100 - number)) for number in range(10)]
    since = timestamp(at - 90_000)
    stamp = timestamp(at)
    url = "https://en.wikipedia.org/w/index.php?diff=7"
    views: dict[str, Sequence[Row]] = {
        "counter": [("1024",)],
        "edits_per_second": seconds,
        "top10": [("Of all time", "512"), *editors[1:]],
        "top10_hour": [("Of the hour", "256"), *editors[1:]],
        "top10_5min": editors,
        "edits_by_language": [
            ("en", "English", "English", "600"),
            ("de", "German", "Deutsch", "300"),
            ("ar", "Arabic", "العربية", "124"),
        ],
        "editors": [("people", "768"), ("bots", "256")],
        "latest_edits": [edit(number, f"Page {number}") for number in range(100, 112)],
        "new_accounts": [("1", "Newcomer", since, stamp, "First page", "enwiki", url, "120")],
        "biggest_changes": [("9", stamp, "Big page", "Bob", "enwiki", url, "-54321", "f")],
        "edit_wars": [("enwiki", "Disputed page", url, "3", "9", stamp)],
    }
    return Scene(connection, views, frontier)


def editors(page: Page) -> list[str]:
    """Return the names in the race, from the first to the last."""
    return page.locator("#race li:not([inert]) .name").all_inner_texts()


def wait_for_editors(page: Page, *names: str) -> None:
    expect(page.locator("#race li:not([inert]) .name")).to_have_text(list(names))


def total(page: Page) -> Locator:
    return page.locator("#count")
