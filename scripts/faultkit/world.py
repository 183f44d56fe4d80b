"""The whole pipeline, twice behind one engine, with proxies between its processes.

source ─> file ─> engine ─┬─ pipeline a ─ POST proxy ─> server a ─┬─ stream proxies ─> clients
                          └─ pipeline b ─ POST proxy ─> server b ─┘

A server that tails has no pipeline and no POST proxy. The seed draws which servers want tokens.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection
from functools import partial
from pathlib import Path

import psycopg2

from scripts.child import ROOT, ChildError
from scripts.faultkit.clients import Client
from scripts.faultkit.hostile import Hostile
from scripts.faultkit.keyring import LIFE, Keyring
from scripts.faultkit.proxy import PostProxy, StreamProxy
from scripts.faultkit.service import Service
from scripts.ports import HOST, free_port
from scripts.procfs import children_of, memory_of, script_of
from scripts.text_query import rows_at, text_query
from viewstream.names import parse_view, quote_view
from viewstream.protocol import Row
from viewstream.relation import find_relation, relation_query

VIEWS = ("counter", "top10", "useredits")
PARTS = ("useredits[count=1]", "useredits[count=2]", "top10[count=3]")
"""Parts that are followed, too. Each edit moves a row from one part of `useredits` to another."""
FOLLOWED = (*VIEWS, *PARTS)
PARTS_GRANT = {"useredits": ["1", "2"], "top10": ["3"]}
"""The views that a token for `PARTS` and nothing else grants."""
SIDES = ("a", "b")
GUARDED = (("a",), ("b",), ("a", "b"))
"""The sides whose servers want readers' tokens: the seed draws one of these."""
OTHER_QUERIES = {
    "counter": "SELECT 0 - count(*) AS count FROM recentchanges",
    "top10": """SELECT '-' || "user" AS "user", count FROM useredits
                ORDER BY count DESC, "user" LIMIT 7""",
}
"""Queries that replace a view; a value of each of their rows begins with `clients.MARK`."""
COUNT = 1
"""The place of the column by which the parts are chosen."""
SLOW = 20_000
"""Bytes a second that reach a slow client."""
PATIENCE = 60.0


class World:
    """All processes and clients. `folder` gets files and logs; `rate` is in events a second.

    The servers of the sides `tailing` have no pipeline: they read the changes themselves
    (`--tail`). `life` bounds the seconds that a reader's token is valid.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        rate: float,
        editors: int,
        *,
        tailing: Collection[str] = (),
        life: tuple[float, float] = LIFE,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 -- a seed is what is wanted
        self._piped = [side for side in SIDES if side not in tailing]
        self.guarded = self._chance.choice(GUARDED)
        self.keyring = Keyring(folder / "reader-keys", self._chance, life)
        self.folder = folder
        self.file = folder / "recentchanges"
        self.clock = folder / "clock"
        engine_port = free_port()
        self.dsn = f"host={HOST} port={engine_port} user=materialize dbname=materialize"
        self.ports = {side: free_port() for side in SIDES}
        self.posts = {side: PostProxy(self.ports[side]) for side in SIDES}
        self.lines = {side: StreamProxy(self.ports[side]) for side in SIDES}
        self.slow_lines = {side: StreamProxy(self.ports[side], SLOW) for side in SIDES}
        self.services = {
            "engine": self._service(
                *("engine", "engine", "--listen", f"{HOST}:{engine_port}"),
                *("--data", folder / "engine", "--clock-offset-file", self.clock),
                ready="listening on",
            ),
            "source": self._service(
                *("source", "scripts.sources", "generate", "--rate", str(rate)),
                *("--editors", str(editors), "--seed", str(seed), self.file),
            ),
        }
        for side in SIDES:
            self.services[f"server {side}"] = self._service(
                *(f"server-{side}", "server", "--dsn", self.dsn),
                *("--listen", f"{HOST}:{self.ports[side]}"),
                *(() if side in self._piped else ("--tail",)),
                *(("--reader-key", self.keyring.path) if side in self.guarded else ()),
                *("--part", "useredits:count", "--part", "top10:count"),
                *VIEWS,
                ready="listening on",
            )
        self._replaced: set[str] = set()
        self.clients: list[Client] = []
        self.hostile: Hostile | None = None
        self._following: list[asyncio.Task[None]] = []

    def _service(self, name: str, *command: str | Path, ready: str = "") -> Service:
        return Service(name, command, self.folder / f"{name}.log", ready)

    async def start(self) -> None:
        """Start all processes and clients; the clients need not have connected when it returns."""
        self.file.touch()
        await self.services["engine"].start()
        await self.services["source"].start()
        await self._apply_sql()
        for side in SIDES:
            for proxy in (self.posts[side], self.lines[side], self.slow_lines[side]):
                await proxy.start()
            await self.services[f"server {side}"].start()
            if side not in self._piped:
                continue
            runner = self._service(
                *(f"pipeline-{side}", "scripts.pipeline", "--dsn", self.dsn),
                *("--server", f"http://{HOST}:{self.posts[side].port}", *VIEWS),
            )
            self.services[f"pipeline {side}"] = runner
            await runner.start()
        quick = [self.lines[side].port for side in SIDES]
        slow = [self.slow_lines[side].port for side in SIDES]
        token, chance = self.keyring.sign, self._chance
        self.clients = [
            Client("steady a", FOLLOWED, quick[:1], chance, token),
            Client("steady b", FOLLOWED, quick[1:], chance, token),
            Client("slow", FOLLOWED, slow, chance, token, stay=30),
            Client("roaming", FOLLOWED, quick, chance, token, stay=2),
            Client("events", FOLLOWED, quick, chance, token, stay=8, by_events=True),
            Client("parts", PARTS, quick, chance, partial(token, PARTS_GRANT), stay=8),
        ]
        guarded = [self.ports[side] for side in self.guarded]
        self.hostile = Hostile(VIEWS, list(self.ports.values()), guarded, self.keyring, chance)
        runs = [client.run() for client in self.clients] + [self.hostile.run()]
        self._following = [asyncio.create_task(run) for run in runs]

    async def stop(self) -> None:
        """End all clients, processes and proxies."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        for name in sorted(self.services, key=lambda name: not name.startswith("pipeline")):
            await self.services[name].terminate()
        for proxies in (self.posts, self.lines, self.slow_lines):
            for proxy in proxies.values():
                await proxy.close()

    async def _apply_sql(self) -> None:
        applying = self._service(
            *("apply_sql", "scripts.apply_sql", "--dsn", self.dsn, "--source", self.file)
        )
        await applying.start()
        await applying.ended()
        written = applying.child.output
        async with asyncio.timeout(PATIENCE):
            while True:  # a view cannot be read before it has a time
                try:
                    await asyncio.gather(*map(self.time, VIEWS))
                except psycopg2.Error as error:
                    written = str(error)
                    await asyncio.sleep(0.1)
                else:
                    return
        raise ChildError(written)

    def failures(self) -> list[str]:
        """Return the processes and clients that have ended by themselves."""
        found = [f"{name} has ended" for name, one in self.services.items() if not one.is_running]
        for task in self._following:
            if task.done() and not task.cancelled():
                found.append(f"a client ended: {task.exception()!r}")
        return found

    def scripts(self, name: str, side: str) -> list[int]:
        """Return the ids of the processes that run `tail_view` or `post_deltas` for one side."""
        children = children_of(self.services[f"pipeline {side}"].pid)
        return [pid for pid in children if script_of(pid) == name]

    def memory(self) -> dict[str, int]:
        """Return the resident bytes of each service, and of the largest process of each script."""
        sizes = {name: memory_of(one.pid) for name, one in self.services.items()}
        for name in ("tail_view", "post_deltas") if self._piped else ():
            pids = [pid for side in self._piped for pid in self.scripts(name, side)]
            sizes[name] = max(map(memory_of, pids), default=0)
        return sizes

    async def ask(self, *statements: str) -> list[tuple[str, ...]]:
        """Run statements; return the last one's rows as text. Raises psycopg2.Error."""
        return await asyncio.to_thread(text_query, self.dsn, *statements)

    async def epoch(self, view: str) -> str:
        whole = parse_view(view).view
        return find_relation(whole, await self.ask(relation_query(whole))).epoch

    async def time(self, view: str) -> int:
        """Return the time at which the engine answers a SELECT of the view, or part, now."""
        whole = parse_view(view).view
        query = (
            f"SELECT mz_logical_timestamp(), v.* FROM (SELECT true) AS one"  # noqa: S608 -- quoted
            f" LEFT JOIN {quote_view(whole)} AS v ON true"
        )
        return int((await self.ask(query))[0][0])

    async def rows_at(self, view: str, time: int) -> Counter[Row]:
        name = parse_view(view)
        rows = await asyncio.to_thread(rows_at, self.dsn, name.view, time)
        part = name.part
        if part is None:
            return rows
        return Counter({row: n for row, n in rows.items() if row[COUNT] == part.value})

    async def replace(self, view: str) -> None:
        """Replace the view by its other query or, if that was done, by its own."""
        if view not in self._replaced:
            create = f"CREATE MATERIALIZED VIEW {quote_view(view)} AS {OTHER_QUERIES[view]}"
        else:
            (file,) = (ROOT / "sql").glob(f"*_{view}.sql")
            lines = file.read_text().splitlines()
            create = "\n".join(line for line in lines if not line.startswith("--"))
        await self.ask(f"DROP VIEW IF EXISTS {quote_view(view)}", create)
        self._replaced ^= {view}
