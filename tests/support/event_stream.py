"""A local server of server-sent events that resumes as Wikimedia's does, and cuts the line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class EventStream:
    """The script of a server, and the requests that it got.

    Each connection follows the next one of `plans`, and the last plan for ever: a number of
    bytes after which the line is cut, None for never, or (status, headers) of a refusal. Who
    comes with an event's id gets `overlap` events again, since Wikimedia resumes by a time.
    """

    events: Sequence[bytes]
    plans: Sequence[int | tuple[int, dict[str, str]] | None] = (None,)
    overlap: int = 0
    timed: bool = False
    """Whether ids have times, one event a second, instead of offsets."""
    chunked: bool = True
    content_type: str = "text/event-stream; charset=utf-8"
    preamble: bytes = b":ok\n\n"
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def plan(self) -> int | tuple[int, dict[str, str]] | None:
        return self.plans[min(len(self.requests), len(self.plans)) - 1]

    def first(self, last_id: str | None, since: str | None) -> int:
        """The index of the first event for who asks like this."""
        if last_id is not None:
            position = json.loads(last_id)[0]
            at = position["timestamp"] // 1000 if self.timed else position["offset"]
            return max(0, at + 1 - self.overlap)
        if since is not None:
            times = [json.loads(event)["meta"]["dt"] for event in self.events]
            return next((at for at, time in enumerate(times) if time >= since), len(times))
        return 0

    def text(self, first: int) -> bytes:
        return self.preamble + b"".join(
            b'event: message\nid: [{"topic":"t","partition":0,"%b":%d}]\ndata: %b\n\n'
            % (*((b"timestamp", at * 1000) if self.timed else (b"offset", at)), self.events[at])
            for at in range(first, len(self.events))
        )


@contextmanager
def serve(stream: EventStream) -> Iterator[EventStream]:
    """Serve `stream` on a free port, its `url`, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            stream.requests.append({**self.headers, **{key: query[key][0] for key in query}})
            plan = stream.plan()
            if isinstance(plan, tuple):
                self.send_response(plan[0])
                for name, value in {**plan[1], "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", stream.content_type)
            if stream.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            first = stream.first(self.headers["Last-Event-ID"], query.get("since", [None])[0])
            self._send(stream.text(first)[:plan])
            if plan is None:
                stream.closing.wait()
            self.close_connection = True

        def _send(self, text: bytes) -> None:
            """Send in pieces that do not fall on the ends of lines."""
            for at in range(0, len(text), 700):
                piece = text[at : at + 700]
                if stream.chunked:
                    piece = b"%x\r\n%b\r\n" % (len(piece), piece)
                self.wfile.write(piece)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep stderr clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        stream.url = f"http://127.0.0.1:{server.server_port}/v2/stream/recentchange"
        try:
            yield stream
        finally:
            stream.closing.set()
            server.shutdown()
            thread.join()
