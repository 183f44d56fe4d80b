"""The messages that a scripted server sends to the dashboard, and what to read on the page."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, expect

from tests.support.scripted_stream import Connection
from viewstream.checksum import checksum
from viewstream.protocol import Base, Column, Delta, Row, Status

EPOCH = "1795379829077-u7"
COUNT = Column("count", "int8")
USER = Column("user", "text")
ALICE, BOB, CAROL = ("Alice", "12"), ("Bob", "9"), ("Carol", "3")


def now() -> int:
    return time.time_ns() // 1_000_000


class Views:
    """Sends the two views: a base of each at once, then a delta for each `become`."""

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


def total(page: Page) -> Locator:
    return page.locator("#count .spoken")
