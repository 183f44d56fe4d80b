"""HTTP requests: frontiers, health, metrics, and files."""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from os.path import realpath, relpath
from typing import Any

import msgspec
from tornado.web import HTTPError, StaticFileHandler, stream_request_body

from server.access.refusal import Refusal
from server.flusher import now
from server.http.handler import Context, Handler, log_failure
from server.hub.hub import Hub

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of our own pages: nothing is loaded from another host. Pages of a folder
given with `--static` get none: their author decides what they may load."""
ALLOWED_HEADERS = "Accept, Authorization, If-None-Match, Last-Event-ID"
"""Headers that pages of allowed origins may send."""


class NotFound(Handler):
    """Every path below /view/ that has no other handler."""

    def prepare(self) -> None:
        self.refuse(Refusal(404, f"there is nothing at {self.request.path!r}"))


@stream_request_body
class Refused(Handler):
    """A request that is refused before any of its body is read."""

    def initialize(  # type: ignore[override]  # the route passes them
        self, context: Context, refusal: Refusal
    ) -> None:
        super().initialize(context)
        self._refusal = refusal

    def prepare(self) -> None:
        self.refuse(self._refusal)

    def data_received(self, chunk: bytes) -> None:
        """Drop what arrives before the connection is closed."""


class Frontier(Handler):
    """GET /view/frontier?view=NAME: the position from which a pipeline may resume."""

    allows_other_origins = True

    def get(self) -> None:
        names = self.arguments_of("view")
        if len(names) != 1:
            self.refuse(Refusal(400, "expected one view: /view/frontier?view=NAME"))
            return
        if self.may_read(names[0], self.find_operator_grant()):
            view = self.context.hub.report(names[0], now())
            epoch = None if view.head is None else view.epoch
            self.answer(200, {"view": view.name, "epoch": epoch, "frontier": view.head})


class Health(Handler):
    """GET /healthz: 200 while the server runs, with the state of each view that may be read."""

    def get(self) -> None:
        at, hub = now(), self.context.hub
        views = {name: _health(hub, name, at) for name in hub.names}
        is_well = all(view["problem"] is None for view in views.values())
        body: dict[str, Any] = {"status": "ok" if is_well else "degraded"}
        grant = self.find_operator_grant()
        if not isinstance(grant, Refusal):  # a probe needs no token: it gets the status alone
            body["clients"] = len(hub.clients)
            body["views"] = {name: view for name, view in views.items() if grant.may_read(name)}
        self.answer(200, body)


def _health(hub: Hub, name: str, at: int) -> dict[str, Any]:
    fields = dataclasses.asdict(hub.report(name, at))
    del fields["name"], fields["failure"]
    return {"relation": hub.questions.relations.get(name), **fields, "parts": hub.count_parts(name)}


class Exposition(Handler):
    """GET /metrics, in Prometheus' text format; it has the names of all views."""

    def get(self) -> None:
        grant = self.find_operator_grant()
        if isinstance(grant, Refusal):
            self.refuse(grant)
            return
        if not grant.covers_all:
            self.refuse(Refusal(403, "the token does not grant every view, which metrics name"))
            return
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.context.metrics.text())


class About(Handler):
    """GET /about.json: where the views' data come from (`--about`), or null."""

    def get(self) -> None:
        grant = self.find_operator_grant()
        if isinstance(grant, Refusal):
            self.refuse(grant)
            return
        self.answer(200, {"source": self.context.about})


class Preflight(Handler):
    """OPTIONS of a path that pages of allowed origins may read."""

    allows_other_origins = True
    allowed_methods = "OPTIONS"

    def options(self) -> None:
        self.set_status(204)
        self.set_header("Access-Control-Allow-Methods", "GET")
        self.set_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
        self.set_header("Access-Control-Max-Age", "600")
        self.finish()


class OwnPage(StaticFileHandler):
    """The files of the operator's folder (`--static`), without a policy of ours."""

    def initialize(  # type: ignore[override]  # the route passes them
        self, path: str, context: Context, default_filename: str | None = None
    ) -> None:
        super().initialize(path, default_filename)
        self.context = context

    def set_default_headers(self) -> None:
        self.set_header("Server", "viewstream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")  # revalidated each time, by its ETag

    def prepare(self) -> None:
        if any(map(_is_hidden, self.path_args[0].split("/"))):
            raise HTTPError(404)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Refuse also what a symbolic link leads to, if it is hidden or outside of the folder."""
        found = super().validate_absolute_path(root, absolute_path)
        if found is not None and any(map(_is_hidden, relpath(found, realpath(root)).split("/"))):
            raise HTTPError(404)
        return found

    async def get(self, path: str, include_body: bool = True) -> None:
        await super().get(path, include_body)
        if self.get_status() == 416:  # Tornado gives it no body
            self.write_error(416)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        sentence = f"there is nothing at {self.request.path!r}"
        if status_code == 405:
            self.set_header("Allow", Handler.allowed_methods)
        if status_code != 404:
            sentence = HTTPStatus(status_code).phrase.lower()
        refusal = Refusal(status_code, sentence)
        if status_code != 404:  # browsers ask for files that few sites have
            self.context.note_refusal_of(refusal, self.request)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"error": refusal.sentence}) + b"\n")

    def log_exception(self, *error: Any) -> None:
        log_failure(self, error)


def _is_hidden(name: str) -> bool:
    """Whether a file or folder is meant for programs on this machine alone, such as .git."""
    return name.startswith(".") and name not in (".", "..", ".well-known")


class Page(OwnPage):
    """The dashboard, which loads nothing from another host."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", POLICY)


class NamedPage(Page):
    """A page of the dashboard whose path is not that of its file."""

    def initialize(  # type: ignore[override]  # the route passes them
        self, path: str, context: Context, file: str, default_filename: str
    ) -> None:
        super().initialize(path, context, default_filename)
        self._file = file

    def prepare(self) -> None:
        """Serve whatever the path names."""

    async def get(self, path: str, include_body: bool = True) -> None:
        await super().get(self._file, include_body)
