"""The setup of the server's benchmarks: an engine with one view, and a server of it."""

from __future__ import annotations

import time
from typing import Any

import psycopg2

from scripts.benchmarks._measured import start_engine, start_server
from scripts.benchmarks._poster import Poster, get_json


class Stage:
    """Runs `sql` on a fresh engine, and serves `view`. Use as a context manager."""

    def __init__(self, sql: str, view: str, *options: str) -> None:
        self.view = view
        self._posters: list[Poster] = []
        self.engine, self.dsn = start_engine()
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in sql.split(";"):
                cursor.execute(statement)
        connection.close()
        self.server = start_server(self.dsn, *options, view)

    def poster(self) -> Poster:
        """Return a poster that begins at the upper of the first base; it closes with the stage."""
        while (health := self.health())["base_upper"] is None:
            time.sleep(0.05)
        poster = Poster(self.server.port, self.view, health["epoch"], health["base_upper"])
        self._posters.append(poster)
        return poster

    def health(self) -> Any:
        return get_json(self.server.port, "/healthz")["views"][self.view]

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for poster in self._posters:
            poster.close()
        self.server.close()
        self.engine.close()
