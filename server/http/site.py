"""Maps requests that Tornado serves to their handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import Application

from server.access.access import refuse_path, refuse_unwanted_body
from server.access.refusal import Refusal
from server.http.deltas import Deltas
from server.http.events import EventStream, wants_events
from server.http.handler import Context
from server.http.handlers import (
    About,
    Exposition,
    Frontier,
    Health,
    NamedPage,
    NotFound,
    OwnPage,
    Page,
    Preflight,
    Refused,
)
from server.http.library import LibraryFile
from server.http.past import Past
from server.http.readiness import Readiness
from server.http.rows import Bodies, Rows
from server.http.views import Views
from server.http.websocket import Stream
from server.options import STATIC
from server.wire.absolute_form import OriginForm

DELTAS = "/view/deltas"
STREAM = "/view/stream"
CROSS_ORIGIN = {STREAM, "/view/rows", "/view/history", "/view/frontier"}
"""Paths that pages of allowed origins may read; besides the library's files."""


class Site(Application):
    """Maps paths to handlers. `static` is the folder whose files are served at /.

    The client library is always at /viewstream/, so that a page of one's own can import it.
    """

    def __init__(
        self, context: Context, static: str, on_request: Callable[[IOStream], None]
    ) -> None:
        self._on_request = on_request
        self._shared = {"context": context}
        self._access = context.access
        page = {**self._shared, "path": static, "default_filename": "index.html"}
        library = {**self._shared, "path": str(STATIC / "viewstream")}
        own = [
            ("/(views)", NamedPage, {**page, "file": "views.html"}),
            ("/(pipeline)", NamedPage, {**page, "file": "pipeline.html"}),
            ("/(views/[^/]+)", NamedPage, {**page, "file": "view.html"}),
        ]
        super().__init__(
            [
                (STREAM, Stream, self._shared),
                (DELTAS, Deltas, self._shared),
                ("/view/frontier", Frontier, self._shared),
                ("/view/rows", Rows, {**self._shared, "bodies": Bodies()}),
                ("/view/history", Past, self._shared),
                ("/view/list", Views, self._shared),
                ("/view/.*", NotFound, self._shared),
                ("/healthz", Health, self._shared),
                ("/readyz", Readiness, self._shared),
                ("/metrics", Exposition, self._shared),
                ("/about.json", About, self._shared),
                ("/viewstream/(.*)", LibraryFile, library),
                *(own if static == str(STATIC) else []),
                ("/(.*)", Page if static == str(STATIC) else OwnPage, page),
            ],
            default_handler_class=NotFound,
            default_handler_args=self._shared,
            log_function=lambda handler: None,
        )

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return OriginForm(super().start_request(server_conn, request_conn))

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Choose by more than the path.

        The rules for all handlers are applied here: an ordinary handler runs only when the body
        has arrived, and Tornado's own know no rules.
        """
        assert isinstance(request.connection, HTTP1Connection)
        self._on_request(request.connection.stream)
        refusal = self._refuse(request)
        if refusal is not None:
            return self.get_handler_delegate(request, Refused, {**self._shared, "refusal": refusal})
        if request.method == "OPTIONS" and request.path in CROSS_ORIGIN:
            return self.get_handler_delegate(request, Preflight, self._shared)
        if request.path == STREAM and wants_events(request):
            return self.get_handler_delegate(request, EventStream, self._shared)
        return super().find_handler(request, **kwargs)

    def _refuse(self, request: HTTPServerRequest) -> Refusal | None:
        """Refuse by host, path and body; the stream explains a foreign host to pages itself."""
        headers, path = request.headers, request.path
        if path != STREAM and (refusal := self._access.refuse_host(headers)) is not None:
            return refusal
        is_post = path == DELTAS
        return refuse_path(path) or (None if is_post else refuse_unwanted_body(headers))
