"""GET /view/list: the views that are served, with their SQL, columns, rows, position and state."""

from __future__ import annotations

import time
from typing import Any

from server.access.refusal import Refusal
from server.flusher import now
from server.http.handler import Description, Handler
from server.hub.status import ViewReport


class Views(Handler):
    """Describes each view that the client may read."""

    async def get(self) -> None:
        grant = self.find_grant()
        if isinstance(grant, Refusal):
            self.refuse(grant)
            return
        hub = self.context.hub
        names = [name for name in hub.names if grant.may_read(name)]
        described = await self.context.describe(names)
        views = [_entry(hub.report(name, now()), described[name]) for name in names]
        self.answer(200, {"time": time.time_ns() // 1_000_000, "views": views})


def _entry(view: ViewReport, description: Description) -> dict[str, Any]:
    columns = description.columns
    return {
        "name": view.name,
        "kind": description.kind,
        "sql": description.sql,
        "columns": columns and [{"name": one.name, "type": one.type} for one in columns],
        "rows": description.rows,
        "state": view.state,
        "problem": view.problem,
        "epoch": view.epoch,
        "frontier": view.head,
        "clients": view.listeners,
    }
