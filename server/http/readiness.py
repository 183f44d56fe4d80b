"""GET /readyz: whether clients should be sent to this server, for load balancers."""

from __future__ import annotations

from typing import Any

from server.access.refusal import Refusal
from server.flusher import now
from server.http.handler import Handler


class Readiness(Handler):
    """Answers 200 if a new client would get a base and fresh deltas, else 503 with the reasons.

    It is about all views, or about those that `view=` names. With `--processes` it is about the
    process that answers. A probe needs no token, but without one it gets no names and no reasons.
    """

    def get(self) -> None:
        hub, at, grant = self.context.hub, now(), self.find_operator_grant()
        named = self.arguments_of("view")
        if not isinstance(grant, Refusal) and not all(self.may_read(one, grant) for one in named):
            return
        reasons: dict[str, list[str]] = {}
        for name in named or sorted(hub.names):
            is_served = name in hub.names
            if found := hub.unready_reasons(name, at) if is_served else ["it is not served"]:
                reasons[name] = found
        body: dict[str, Any] = {"ready": not reasons}
        if not isinstance(grant, Refusal):
            body["reasons"] = {one: why for one, why in reasons.items() if grant.may_read(one)}
        self.answer(503 if reasons else 200, body)
