"""A pipeline of a test that makes a view live or stale, on a machine of any speed."""

from __future__ import annotations

from tests.server.served import Served, Watcher
from tests.support.processes import wait_until
from viewstream.protocol import Status


class Pipeline:
    """Posts that nothing changes, up to one later time after another."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.head = 1001
        wait_until(lambda: served.post(900, self.head).status_code == 200, "the epoch")

    def move(self) -> None:
        self._served.post(self.head, self.head + 1)
        self.head += 1

    def stand_still(self) -> None:
        self._served.post(self.head, self.head)

    def wait_until_live(self) -> None:
        """Move until the view is live, however seldom this process gets its turn."""

        def is_live() -> bool:
            self.move()
            return bool(self._served.health()["state"] == "live")

        wait_until(is_live, "the view to be live")

    def open_live(self) -> Watcher:
        """A client that has been sent `live`."""
        watcher = self._served.open()
        self.wait_until_sent_live(watcher)
        return watcher

    def wait_until_sent_live(self, watcher: Watcher) -> None:
        """Move until the client is sent that the view is live."""

        def is_live() -> bool:
            self.move()
            message = watcher.next()
            return isinstance(message, Status) and message.state == "live"

        wait_until(is_live, "the client to be sent that the view is live")

    def wait_until_stale(self, reason: str) -> None:
        """Stand still until the view is stale for that reason; another one may come first."""

        def is_stale() -> bool:
            self.stand_still()
            health = self._served.health()
            return health["state"] == "stale" and reason in health["problem"]

        wait_until(is_stale, reason)
