"""Posts the changes of one view to the server: reads what `tail_view.py` prints from stdin.

    tail_view.py VIEW --resume "$(post_deltas.py VIEW --frontier)" | post_deltas.py VIEW

The text is cut into deltas where times are closed: by a progress line above them, or by a row of
a later time. While one POST is under way the next delta grows, so load makes deltas larger, not
more numerous; a server that is away makes the pipe fill and its writer wait. Every retry is
harmless, since the server takes each interval once.

Ends with status 0 at the end of its input, and with one line on stderr and status 1 when the
server refuses for good or a line cannot be read: to guess would be to diverge. The token, where
the server demands one, comes from VIEWSTREAM_TOKEN.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import random
import re
import signal
import sys
import threading
import time
from collections import deque
from urllib.parse import urlsplit

import msgspec
import requests

from viewstream.names import split_view_name
from viewstream.protocol import (
    BODY_LIMIT,
    MAX_TIME,
    Delta,
    Position,
    ProtocolError,
    Row,
    Update,
    encode,
    parse_epoch,
    parse_position,
)

URL = "http://127.0.0.1:8888"
HEARTBEAT = 5.0
"""Seconds of silence after which an empty delta says that the pipeline is alive."""
PROGRESS_DELAY = 1.0
"""Seconds that a progress without updates waits for a delta to ride on."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
"""Bounds, in seconds, of the growing random delay before a retry."""
TIMEOUTS = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""
CHUNK = 1 << 18
MOST_POSTED = 1 << 20
"""Bytes of updates in one body, unless one time alone is more: the server works at one body while
the next is cut, and none holds up its loop for long."""
HEADER = "# epoch "
RETRIED = {408, 409, 429}
NULL = r"\N"
ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r", r"\t": "\t"}
DIFFS = {str(diff): diff for diff in range(-9, 10) if diff}


class UnreadableLineError(ValueError):
    """A line that is not what tail_view.py prints; the message has its number and the line."""


class RefusedError(Exception):
    """The server's refusal, which no retry would change."""


class Cutter:
    """Cuts the text of a TAIL into deltas of closed times: bytes in, bodies out. No I/O.

    `limit` bounds a body in bytes. `lower` is where the next delta begins, `upper` the time below
    which all is closed; both are None until the input's opening progress line was read. A single
    time that no body can hold is left out: a gap, which the server fills with a base.
    """

    def __init__(self, view: str, limit: int = BODY_LIMIT) -> None:
        self.view = view
        self.epoch: str | None = None
        self.lower: int | None = None
        self.upper: int | None = None
        self.waiting = 0  # bytes of closed updates that nobody has taken yet
        self.left_out: list[int] = []
        empty = encode(Delta(view, "9" * 49, MAX_TIME, MAX_TIME, []))
        self._largest = limit - len(empty)
        self._closed: deque[tuple[int, bytes | None]] = deque()  # None: this time is left out
        self._opened = False
        self._rest: list[bytes] = []
        self._number = 0
        self._width = 0
        # The rows of the open time, which is `upper`; its text; the bytes that were read for it.
        self._rows: dict[Row, int] = {}
        self._stamp = ""
        self._held = 0
        self._too_large = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the text, cut anywhere; raises UnreadableLineError."""
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest.append(data)
            return
        text = b"".join([*self._rest, head])
        self._rest = [rest]
        try:
            lines = text.decode().split("\n")
        except UnicodeDecodeError as error:
            good = text[: error.start].count(b"\n")
            raw = text.split(b"\n")
            self._read([line.decode() for line in raw[:good]])
            self._number += 1
            raise self._unreadable(raw[good], "UTF-8") from error
        self._read(lines)
        self._held += len(text)
        if self._held > self._largest:
            self._bound_open_time()

    @property
    def has_news(self) -> bool:
        """Whether there is something that the deltas taken so far do not tell."""
        return self.upper is not None and not (self._opened and self.upper == self.lower)

    def take(self, size: int) -> bytes:
        """The next delta as a body: from `lower`, as many closed times as `size` bytes hold.

        At least one time is taken if there is any; but the first delta is empty, and says where
        the stream begins. Nothing may be taken before that is known.
        """
        assert self.epoch is not None and self.lower is not None and self.upper is not None
        if not self._opened:
            self._opened = True
            return encode(Delta(self.view, self.epoch, self.lower, self.lower, []))
        pieces: list[bytes] = []
        while self._closed:
            time, piece = self._closed[0]
            if pieces and (piece is None or len(piece) > size):
                break
            self._closed.popleft()
            if piece is None:
                self.left_out.append(time)
                self.lower = time + 1
                continue
            pieces.append(piece)
            self.waiting -= len(piece)
            size -= len(piece)
        upper = self._closed[0][0] if self._closed else self.upper
        body = encode(Delta(self.view, self.epoch, self.lower, upper, []))
        self.lower = upper
        return body.removesuffix(b"]}") + b",".join(pieces) + b"]}"

    def _read(self, lines: list[str]) -> None:
        stamp, rows, width, number = self._stamp, self._rows, self._width, self._number
        for number, line in enumerate(lines, self._number + 1):
            fields = line.split("\t")
            # Most lines are one more row of the open time, with nothing to undo.
            if (
                fields[0] == stamp
                and len(fields) == width
                and fields[1] == "f"
                and fields[2] in DIFFS
                and "\\" not in line
            ):
                row = tuple(fields[3:])
                rows[row] = rows.get(row, 0) + DIFFS[fields[2]]
            else:
                self._number = number
                self._read_line(line, fields)
                stamp, rows, width = self._stamp, self._rows, self._width
        self._number = number

    def _read_line(self, line: str, fields: list[str]) -> None:
        """One line of any kind."""
        if self.epoch is None:
            self._read_epoch(line)
            return
        if len(fields) < 3 or not re.fullmatch(r"[0-9]{1,20}", fields[0]):
            raise self._unreadable(line, "TIME, t or f, DIFF and the values of a row")
        time = int(fields[0])
        if time > MAX_TIME:  # the last moment (2^64-1): more may come at it, until the stream ends
            time = MAX_TIME - 1
        if fields[1] == "t" and all(field == NULL for field in fields[2:]):
            if self.upper is None:
                self.lower = self.upper = time
            self._close_below(time)
        elif self.upper is None:
            raise self._unreadable(line, "a progress line, which says where the stream begins")
        elif fields[1] == "f":
            if not self.upper <= time < MAX_TIME:
                raise self._unreadable(line, f"a time of at least {self.upper}")
            self._close_below(time)
            self._read_row(line, fields)
        else:
            raise self._unreadable(line, "a progress line: TIME, t, and NULLs only")

    def _read_epoch(self, line: str) -> None:
        try:
            self.epoch = parse_epoch(line[len(HEADER) :] if line.startswith(HEADER) else "")
        except ProtocolError as error:
            raise self._unreadable(line, f"{HEADER}EPOCH, such as 1606000000000-u7") from error

    def _read_row(self, line: str, fields: list[str]) -> None:
        if len(fields) != self._width:
            if self._width:
                raise self._unreadable(line, f"{self._width - 3} values, as in the rows before")
            self._width = len(fields)
        if not re.fullmatch(r"-?[1-9][0-9]{0,18}", fields[2]):
            raise self._unreadable(line, "a diff that is an integer and not 0")
        try:
            row = tuple(map(undo_escapes, fields[3:]))
        except KeyError as error:
            raise self._unreadable(line, r"only the escapes \\, \n, \r, \t and \N") from error
        self._rows[row] = self._rows.get(row, 0) + int(fields[2])

    def _close_below(self, time: int) -> None:
        """Everything below `time` is known now; the open time is `time` from here on."""
        assert self.upper is not None
        if time > self.upper:
            updates: list[Update] = [(self.upper, n, row) for row, n in self._rows.items() if n]
            piece = encode(updates)[1:-1] if updates else b""
            if self._too_large or len(piece) > self._largest:
                self._closed.append((self.upper, None))
            elif piece:
                self._closed.append((self.upper, piece))
                self.waiting += len(piece)
            self.upper = time
            self._rows, self._held, self._too_large = {}, 0, False
        self._stamp = str(self.upper) if self.upper < MAX_TIME else ""  # nothing comes at the end

    def _bound_open_time(self) -> None:
        """Give up the open time if its rows alone are more than a body can hold."""
        self._rows = {row: diff for row, diff in self._rows.items() if diff}
        self._held = sum(len(value or "") for row in self._rows for value in row)
        if self._held > self._largest:
            self._too_large = True
            self._rows, self._held = {}, 0

    def _unreadable(self, line: str | bytes, expected: str) -> UnreadableLineError:
        shown = repr(line if len(line) <= 1000 else line[:1000])
        return UnreadableLineError(f"line {self._number}: expected {expected}, found {shown}")


def undo_escapes(field: str) -> str | None:
    r"""A field of COPY's text as its value; raises KeyError for an escape that COPY has not."""
    if field == NULL:
        return None
    if "\\" not in field:
        return field
    return re.sub(r"\\.?", lambda escape: ESCAPES[escape[0]], field, flags=re.DOTALL)


class Input(threading.Thread):
    """Feeds stdin to a Cutter, as fast as there is room for what is closed.

    `changed` guards the cutter. `error` is what reading ended with, if not with the input's end.
    """

    def __init__(self, cutter: Cutter, room: int) -> None:
        super().__init__(name="input", daemon=True)
        self.cutter = cutter
        self.changed = threading.Condition()
        self.ended = False
        self.error: Exception | None = None
        self._room = room

    def run(self) -> None:
        try:
            while data := os.read(sys.stdin.fileno(), CHUNK):
                with self.changed:
                    self.changed.wait_for(lambda: self.cutter.waiting < self._room)
                    self.cutter.feed(data)
                    self.changed.notify()
        except (UnreadableLineError, OSError) as error:
            self.error = error
        with self.changed:
            self.ended = True
            self.changed.notify()

    def next_body(self, sent: float) -> bytes | None:
        """Wait until a delta is due, the last one having been `sent` then; None at the end.

        Closed updates are due at once, a mere progress after a second, a sign of life after five.
        """
        cutter = self.cutter
        with self.changed:
            while not cutter.waiting:
                if self.ended and not cutter.has_news:
                    return None
                due = sent + (PROGRESS_DELAY if cutter.has_news else HEARTBEAT)
                left = due - time.monotonic() if cutter.upper is not None else None
                if self.ended or (left is not None and left <= 0):
                    break
                self.changed.wait(left)
            body = cutter.take(self._room)
            self.changed.notify()
            return body


class _Stand(msgspec.Struct):
    epoch: str | None
    frontier: int | None


class Server:
    """Speaks to the server about one view, over one connection that is kept."""

    def __init__(self, url: str, view: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._view = view
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of the environment is meant for the server.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.headers["Content-Type"] = "application/json"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def frontier(self) -> Position | None:
        """Where the server stands in the view, or None; raises RefusedError, RequestException."""
        response = self._session.get(
            f"{self._url}/view/frontier", params={"view": self._view}, timeout=TIMEOUTS
        )
        if response.status_code != 200:
            raise RefusedError(answer_of(response))
        try:
            stand = msgspec.json.decode(response.content, type=_Stand)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"expected where the server stands: {error}") from error
        if stand.epoch is None or stand.frontier is None:
            return None
        return parse_position(f"{stand.epoch}:{stand.frontier}")

    def post(self, body: bytes) -> None:
        """Post a delta until it is taken; raises RefusedError when it never will be."""
        bound, said = FIRST_DELAY, ""
        while True:
            delay = random.uniform(0, bound)  # noqa: S311 -- full jitter, not a secret
            try:
                response = self._session.post(
                    f"{self._url}/view/deltas", body, timeout=TIMEOUTS, allow_redirects=False
                )
            except requests.RequestException as error:
                reason = reason_of(error)
            else:
                if response.status_code == 200:
                    break
                reason = answer_of(response)
                if response.status_code < 500 and response.status_code not in RETRIED:
                    raise RefusedError(reason)
                delay += retry_after(response)
            if reason != said:
                say(f"{self._view}: {reason}; trying again")
                said = reason
            time.sleep(delay)
            bound = min(2 * bound, LONGEST_DELAY)
        if said:
            say(f"{self._view}: the server takes deltas again")


def answer_of(response: requests.Response) -> str:
    """The server's own sentence, with its status."""
    try:
        sentence = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        sentence = response.text.strip().partition("\n")[0][:500] or response.reason
    return f"the server answered {response.status_code}: {sentence}"


def reason_of(error: BaseException) -> str:
    """Why a request failed: the innermost error, which says it in plain words."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"the server does not answer: {words or type(error).__name__}"


def retry_after(response: requests.Response) -> float:
    """The seconds that the server asks to wait, at most a minute; 0 if it does not say."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), 60.0) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", value) else 0.0


def say(message: str) -> None:
    sys.stderr.write(f"post_deltas: {message}\n")


def post_all(server: Server, view: str, limit: int) -> int:
    """Post all of stdin; returns the exit status. Raises RefusedError."""
    cutter = Cutter(view, limit)
    source = Input(cutter, min(limit // 2, MOST_POSTED))
    source.start()
    sent = -math.inf
    while (body := source.next_body(sent)) is not None:
        while cutter.left_out:
            late = cutter.left_out.pop()
            say(f"{view}: the updates at {late} are more than {limit} bytes: left out")
        server.post(body)
        sent = time.monotonic()
    if source.error is not None:
        say(f"{view}: {source.error}")
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Post what tail_view.py prints to the server.")
    parser.add_argument("view", metavar="VIEW", help="NAME or SCHEMA.NAME")
    parser.add_argument(
        "--server",
        default=os.environ.get("VIEWSTREAM_URL", URL),
        metavar="URL",
        help="where to post (VIEWSTREAM_URL; %(default)s)",
    )
    parser.add_argument(
        "--frontier",
        action="store_true",
        help="print where the server stands as EPOCH:FRONTIER (nowhere: an empty line), and end",
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
    if not is_server(options.server):
        parser.error(f"expected a server such as {URL}, found {options.server!r}")
    options.token = os.environ.get("VIEWSTREAM_TOKEN", "")
    if not re.fullmatch(r"[!-~]*", options.token):  # never printed: it is a secret all the same
        parser.error("expected a token (VIEWSTREAM_TOKEN) of printable ASCII without blanks")
    try:
        split_view_name(options.view)
    except ProtocolError as error:
        parser.error(str(error))
    return options


def is_server(url: str) -> bool:
    """Whether `url` names a host to speak HTTP to; `127.0.0.1:8888` alone, for one, does not."""
    try:
        parts = urlsplit(url)
        # The port is checked when it is asked for.
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return (
        named
        and parts.scheme in ("http", "https")
        and not (parts.query or parts.fragment)
        and not re.search(r"[^!-~]", url)
    )


def spare_collections() -> None:
    """Look for cyclic garbage rarely: a row leaves none, and each search stops at every row."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def main() -> int:
    spare_collections()
    # Whatever it waits for, it ends at once and quietly; resuming brings all of it again.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    options = parse_arguments()
    server = Server(options.server, options.view, options.token)
    try:
        if options.frontier:
            sys.stdout.write(f"{server.frontier() or ''}\n")
            return 0
        return post_all(server, options.view, options.body_limit)
    except (RefusedError, ProtocolError) as error:
        say(f"{options.view}: {error}")
    except requests.RequestException as error:
        say(f"{options.view}: {reason_of(error)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
