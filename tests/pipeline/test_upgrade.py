"""An upgrade without a gap, as docs/operations.md describes it: no client loses an update."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import psycopg2
import requests

from scripts.ports import free_port
from tests.server.balancers import tcp_balancer
from tests.support.following import Witness, following
from tests.support.processes import Process, start_engine, start_server, wait_until
from viewstream.protocol import Row

CLIENTS = 4
SQL = (
    "CREATE TABLE events (n int)",
    "CREATE MATERIALIZED VIEW seen AS SELECT n, count(*) AS times FROM events GROUP BY n",
)


class Writer(threading.Thread):
    """Inserts 0, 1, 2 .. until it is told to stop."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self.written = 0
        self.stopping = threading.Event()
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            for statement in SQL:
                cursor.execute(statement)

    def run(self) -> None:
        with self._connection.cursor() as cursor:
            while not self.stopping.wait(0.02):
                cursor.execute(f"INSERT INTO events VALUES ({self.written})")
                self.written += 1
        self._connection.close()

    def rows(self) -> Counter[Row]:
        return Counter((str(n), "1") for n in range(self.written))


class Version:
    """One version of the server, with a pipeline of its own."""

    def __init__(self, dsn: str, port: int) -> None:
        self.server, self.url = start_server(dsn, "seen", listen=f"127.0.0.1:{port}")
        options = ["--dsn", dsn, "--server", self.url]
        self.pipeline = Process([sys.executable, "-m", "scripts.pipeline", *options, "seen"])

    def is_ready(self) -> bool:
        return requests.get(f"{self.url}/readyz?view=seen", timeout=20).status_code == 200

    def clients(self) -> int:
        return int(requests.get(f"{self.url}/healthz", timeout=20).json()["clients"])

    def metrics(self) -> str:
        return requests.get(f"{self.url}/metrics", timeout=20).text

    def close(self) -> None:
        self.pipeline.close()
        self.server.close()


@contextmanager
def version(dsn: str, port: int) -> Iterator[Version]:
    found = Version(dsn, port)
    try:
        yield found
    finally:
        found.close()


def test_no_client_loses_an_update(tmp_path: Path) -> None:
    engine, dsn = start_engine()
    with engine:
        writer = Writer(dsn)
        writer.start()
        ports = [free_port(), free_port()]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        with tcp_balancer(urls, tmp_path) as address, version(dsn, ports[0]) as old:
            wait_until(old.is_ready, "the old version to be ready", 90)
            asyncio.run(upgrade(address, dsn, ports[1], old, writer))


async def upgrade(address: str, dsn: str, port: int, old: Version, writer: Writer) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(following(address, "seen")) for _ in range(CLIENTS)
        ]
        for client in clients:
            await client.until(lambda one=client: len(one.rows("seen")) > 20)  # type: ignore[misc]
        await asyncio.to_thread(replace, old, dsn, port, stack)
        before = writer.written
        await asyncio.to_thread(wait_until, lambda: writer.written > before + 50, "later updates")
        writer.stopping.set()
        await asyncio.to_thread(writer.join)
        for client in clients:
            await client.until(lambda one=client: one.rows("seen") == writer.rows())  # type: ignore[misc]
            check(client)


def replace(old: Version, dsn: str, port: int, stack: AsyncExitStack) -> None:
    """Do the steps of the docs."""
    new = stack.enter_context(version(dsn, port))
    wait_until(new.is_ready, "the new version to be ready", 90)
    old.server.send(signal.SIGTERM)
    assert old.server.wait() == 0
    wait_until(lambda: new.clients() == CLIENTS, "the clients to come to the new version", 90)
    resumes = re.findall(r"^viewstream_resumes_total\{(.*)\} (.*)$", new.metrics(), re.MULTILINE)
    assert resumes == [('kind="delta",view="seen",why=""', f"{CLIENTS}.0")], "no base was needed"
    old.pipeline.send(signal.SIGTERM)
    assert old.pipeline.wait() == 0


def check(client: Witness) -> None:
    """`Witness` has compared the intervals: each adjoins the last."""
    assert client.follower.connections == 2
    uppers = [upper for _, upper, _ in client.points["seen"]]
    assert uppers == sorted(uppers)
    assert len({epoch for epoch, _, _ in client.points["seen"]}) == 1
    counts = [rows.total() for _, _, rows in client.points["seen"]]
    assert counts == sorted(counts), "rows are only ever added"
