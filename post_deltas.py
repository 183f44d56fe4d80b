#!/bin/sh
""":"
exec "${0%/*}/.venv/bin/python" "$0" "$@"

Posts the changes of one view to the server: reads what `tail_view.py` prints from stdin.

    tail_view.py VIEW --resume "$(post_deltas.py VIEW --frontier)" | post_deltas.py VIEW

The text is cut into deltas where times are closed. While one POST is under way the next delta
grows, so load makes deltas larger, not more numerous; a server that is away makes the pipe fill and
its writer wait. Every retry is harmless, since the server takes each interval once.

Ends with its input, or with one line on stderr when the server refuses, or when a line cannot be
read: to guess would be to diverge. The token, where the server demands one, comes from
VIEWSTREAM_TOKEN, or from the file that VIEWSTREAM_TOKEN_FILE names. Exit statuses are in
`viewstream/exit_status.py`.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # the imports below take a while, and SIGINT would print a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import gc
import math
import os
import re
import sys
import threading
import time

import requests

from viewstream import pipes
from viewstream.bodies import Bodies
from viewstream.copy_text import UnreadableLineError
from viewstream.exit_status import ExitStatus
from viewstream.names import split_view_name
from viewstream.poster import Poster, RefusedError, read_token, reason_of
from viewstream.protocol import BODY_LIMIT, ProtocolError
from viewstream.urls import DEFAULT_URL, is_server_url

CHUNK = 1 << 18
MOST_POSTED = 1 << 20
"""Bytes of updates in one body, unless one time alone is more: the server works at one body while
the next is cut, and none blocks its event loop for long."""


class Input(threading.Thread):
    """Feeds stdin to `bodies`, as fast as there is room for what is closed.

    `changed` guards `bodies`. `error` is what reading ended with, if not with the input's end.
    """

    def __init__(self, bodies: Bodies, room: int) -> None:
        super().__init__(name="input", daemon=True)
        self.error: Exception | None = None
        self._bodies = bodies
        self._room = room
        self._changed = threading.Condition()
        self._has_ended = False

    def run(self) -> None:
        try:
            while data := os.read(sys.stdin.fileno(), CHUNK):
                with self._changed:
                    self._changed.wait_for(lambda: self._bodies.waiting < self._room)
                    self._bodies.feed(data)
                    self._changed.notify()
        except (UnreadableLineError, OSError) as error:
            self.error = error
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def next_body(self, sent_at: float) -> bytes | None:
        """Wait until a delta is due, after the last one was sent; None at the end."""
        bodies = self._bodies
        with self._changed:
            while (left := bodies.due_at(sent_at) - time.monotonic()) > 0:
                if self._has_ended:
                    if not bodies.has_news:
                        return None
                    break
                self._changed.wait(None if math.isinf(left) else left)
            body = bodies.take(self._room)
            self._changed.notify()
            return body


def post_all(poster: Poster, view: str, limit: int) -> ExitStatus:
    """Post all of stdin; raises RefusedError."""
    bodies = Bodies(view, limit)
    source = Input(bodies, min(limit // 2, MOST_POSTED))
    source.start()
    sent_at = -math.inf
    while (body := source.next_body(sent_at)) is not None:
        while bodies.left_out:
            at = bodies.left_out.pop()
            report(f"{view}: the updates at {at} are more than {limit} bytes: left out")
        poster.post(body)
        sent_at = time.monotonic()
    if source.error is not None:
        report(f"{view}: {source.error}")
        return ExitStatus.FAILED
    return ExitStatus.ENDED


def report(message: str) -> None:
    sys.stderr.write(f"post_deltas: {message}\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Post what tail_view.py prints to the server.")
    parser.add_argument("view", metavar="VIEW", help="NAME or SCHEMA.NAME")
    parser.add_argument(
        "--server",
        default=os.environ.get("VIEWSTREAM_URL", DEFAULT_URL),
        metavar="URL",
        help="where to post (VIEWSTREAM_URL; %(default)s)",
    )
    parser.add_argument(
        "--frontier",
        action="store_true",
        help="print the head of the server's log as EPOCH:FRONTIER (an empty line: none), and end",
    )
    parser.add_argument(
        "--body-limit",
        type=int,
        default=BODY_LIMIT,
        metavar="BYTES",
        help="the largest body that the server takes (%(default)s)",
    )
    options = parser.parse_args()
    if options.body_limit < 1024:
        parser.error(f"expected a body limit of at least 1024 bytes, found {options.body_limit}")
    if not is_server_url(options.server):
        parser.error(f"expected a server such as {DEFAULT_URL}, found {options.server!r}")
    try:
        options.token = read_token(os.environ)
    except OSError as error:
        parser.error(f"cannot read the token of VIEWSTREAM_TOKEN_FILE: {error}")
    if not re.fullmatch(r"[!-~]*", options.token):  # never printed: it is a secret all the same
        parser.error("expected a token (VIEWSTREAM_TOKEN) of printable ASCII without blanks")
    try:
        split_view_name(options.view)
    except ProtocolError as error:
        parser.error(str(error))
    return options


def main() -> ExitStatus:
    # A row leaves no cyclic garbage, and each search for it would stop at every row.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    pipes.end_by_signals()  # a new start resumes at the server's frontier
    options = parse_arguments()
    view = options.view
    poster = Poster(
        options.server, view, options.token, report=lambda text: report(f"{view}: {text}")
    )
    try:
        if options.frontier:
            sys.stdout.write(f"{poster.frontier() or ''}\n")
            return ExitStatus.ENDED
        return post_all(poster, view, options.body_limit)
    except RefusedError as error:
        report(f"{view}: {error}")
        return ExitStatus.REFUSED if error.is_for_good else ExitStatus.FAILED
    except ProtocolError as error:
        report(f"{view}: {error}")
    except requests.RequestException as error:
        report(f"{view}: {reason_of(error)}")
    return ExitStatus.FAILED


if __name__ == "__main__":
    sys.exit(main())
