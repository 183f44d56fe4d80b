"""Prints the changes of one view to stdout: one COPY of a TAIL, as Materialize gives it.

    tail_view.py VIEW                               from the present on
    tail_view.py VIEW --resume EPOCH:FRONTIER       every change at or after FRONTIER, if it can
    tail_view.py VIEW --snapshot                    for a person: the rows first, then the changes

The first line is `# epoch EPOCH`, the second a progress line that says where the stream begins;
no row lies below it. All that follows is COPY's text: time, `f`, diff and the row's values, or
time, `t` and NULLs for progress. `post_deltas.py` reads it. A view that can no longer change ends
with a progress line at 2^53-1 and status 0; what goes wrong gives one line on stderr and status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import TracebackType

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 -- it is a class
from psycopg2.extensions import make_dsn, new_type, parse_dsn, register_type

from viewstream.engine import (
    DEFAULT_DSN,
    VERSION_QUERY,
    Dialect,
    connection_options,
    dialect_of,
    epoch_of,
    epoch_query,
)
from viewstream.names import quote_view
from viewstream.protocol import MAX_TIME, Position, ProtocolError, parse_position

SILENCE = 1.0
"""Seconds after which a TAIL that has given no row counts as begun."""
MOST_WAITING = 1 << 20
"""Bytes of a COPY that wait for stdout before the engine has to wait."""
TIMESTAMPTZ = 1184


class EpochChangedError(Exception):
    """The engine or the view was replaced while a TAIL of it began."""


class Copy(threading.Thread):
    """One running COPY TO STDOUT: a thread reads it, since psycopg2 blocks until the next row."""

    def __init__(self, connection: Connection, statement: str) -> None:
        super().__init__(name="copy", daemon=True)
        self._connection = connection
        self._statement = statement
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._size = 0
        self._ended = False
        self.error: Exception | None = None
        """What the COPY ended with, if it was an error."""
        self.start()

    def run(self) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.copy_expert(self._statement, self)
        except Exception as error:  # noqa: BLE001 -- take() raises it in the main thread
            # What psycopg2 says of a connection that broke inside a COPY helps nobody.
            lost = ConnectionError("the engine went away")
            self.error = lost if self._connection.closed else error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def write(self, data: bytes) -> None:
        """What psycopg2 calls with each piece; waits while too much waits for `take`."""
        with self._changed:
            self._changed.wait_for(lambda: self._size < MOST_WAITING or self._ended)
            if self._ended:
                raise EOFError("this COPY was abandoned")
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> bytes | None:
        """What has come since, or b"" after `timeout` seconds of silence, or None at the end.

        Raises what the COPY ended with, if it was an error.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, timeout)
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._changed.notify_all()
            if data or not self._ended:
                return data
        if self.error is not None:
            raise self.error
        return None

    def close(self) -> None:
        """Stop reading, whatever the thread waits for; the connection is of no use afterwards."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        # Nothing but the end of its socket makes a psycopg2 that waits for a row return.
        with (
            contextlib.suppress(OSError, psycopg2.InterfaceError),  # it may be closed by now
            socket.socket(fileno=os.dup(self._connection.fileno())) as duplicate,
        ):
            duplicate.shutdown(socket.SHUT_RDWR)
        self.join()


class Beginning:
    """Finds where a stream begins and leaves out what lies below: bytes in, bytes out.

    `frontier` is where it is to begin, or None for the TAIL's first progress row plus `offset`.
    Rows that come before that row may belong to what a base holds: those of a smaller time do.
    """

    def __init__(self, frontier: int | None, offset: int = 0) -> None:
        self._frontier = frontier
        self._offset = offset
        self._early: list[bytes] = []
        self._rest = b""
        self._nulls = rb"\N"
        self._opened = False
        self._passed = False

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the COPY, cut anywhere; return what is to be printed."""
        if self._passed:
            return data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not lines:
            return b""
        self._nulls = b"\t".join([rb"\N"] * (lines[0].count(b"\t") - 1))
        if self._frontier is None:
            first = next((line for line in lines if read(line)[1]), None)
            if first is not None:
                self._frontier = min(read(first)[0] + self._offset, MAX_TIME)
                lines.remove(first)  # the opening line says as much
        self._early += lines
        if self._frontier is None:
            return b""
        kept = [line + b"\n" for line in self._early if read(line)[0] >= self._frontier]
        self._early.clear()
        printed = self._open(self._frontier) + b"".join(kept)
        if kept:  # times never go backwards, so nothing below the frontier comes any more
            self._passed = True
            printed, self._rest = printed + self._rest, b""
        return printed

    def end(self) -> bytes:
        """The last lines of a TAIL that ended by itself: its view can no longer change."""
        frontier = MAX_TIME if self._frontier is None else self._frontier
        opening = self._open(frontier)
        return opening if opening and frontier == MAX_TIME else opening + self._progress(MAX_TIME)

    def _open(self, frontier: int) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        return self._progress(frontier)

    def _progress(self, time: int) -> bytes:
        return b"%d\tt\t%s\n" % (time, self._nulls)


def read(line: bytes) -> tuple[int, bool]:
    """A line's time and whether it is progress; the last moment (2^64-1) is below the end."""
    match = re.match(rb"(\d+)\t([ft])\t", line)
    if match is None:
        raise ProtocolError(f"expected a row of a TAIL with PROGRESS, found {line!r}")
    return min(int(match[1]), MAX_TIME - 1), match[2] == b"t"


@contextlib.contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A connection to the engine outside of transactions, closed in the end."""
    connection = psycopg2.connect(make_dsn(**connection_options(parse_dsn(dsn), os.environ)))
    try:
        connection.autocommit = True
        register_type(new_type((TIMESTAMPTZ,), "TEXT", lambda text, _: text), connection)
        yield connection
    finally:
        connection.close()


def ask(connection: Connection, query: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def read_epoch(connection: Connection, view: str) -> str:
    return epoch_of(view, ask(connection, epoch_query(view)))


def read_dialect(connection: Connection) -> Dialect:
    return dialect_of(ask(connection, VERSION_QUERY)[0][0])


def print_bytes(data: bytes) -> None:
    """Write to stdout past Python's buffers: what is printed is there at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]


def say(message: str) -> None:
    sys.stderr.write(f"tail_view: {message}\n")


def sentence(error: BaseException) -> str:
    """An error in one line: the engine's message without its DETAIL and position."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def print_snapshot(dsn: str, view: str) -> None:
    """Print the view's rows and then its changes, with no epoch: not to be posted."""
    with connected(dsn) as connection:
        statement = read_dialect(connection).copy_statement(view, snapshot=True)
        with contextlib.closing(Copy(connection, statement)) as copy:
            while (data := copy.take()) is not None:
                print_bytes(data)


def print_changes(dsn: str, view: str, resume: Position | None) -> None:
    """Print the view's changes until it can no longer change.

    Starts over when the view's epoch changed under the TAIL that began, and from the present
    when the engine refuses to resume. Raises psycopg2.Error, LookupError and ProtocolError.
    """
    while True:
        with connected(dsn) as connection:
            dialect = read_dialect(connection)
            epoch = read_epoch(connection, view)
            if resume is not None and resume.epoch != epoch:
                say(f"the epoch of {view} is {epoch}, not that of {resume}: from the present")
                resume = None
            frontier = resume.frontier if resume and resume.frontier < MAX_TIME else None
            as_of = None if frontier is None else frontier - 1
            statement = dialect.copy_statement(view, as_of=as_of)
            with contextlib.closing(Copy(connection, statement)) as copy:
                try:
                    data = begin(dsn, view, epoch, copy)
                except EpochChangedError:
                    continue
                except psycopg2.Error as error:
                    is_refusal = error is copy.error  # and no fault of the second connection
                    if frontier is None or not is_refusal or is_unknown_view(error):
                        raise
                    say(f"cannot resume {view} at {resume} ({sentence(error)}): from the present")
                    resume = None
                    continue
                beginning = Beginning(frontier, dialect.progress_offset)
                print_bytes(b"# epoch %s\n" % epoch.encode())
                while data is not None:
                    print_bytes(beginning.feed(data))
                    data = copy.take()
                print_bytes(beginning.end())
                return


def begin(dsn: str, view: str, epoch: str, copy: Copy) -> bytes | None:
    """Wait for the first bytes of a TAIL (None: it ended without any) and prove its epoch.

    A view that is replaced just before its TAIL begins would otherwise be printed under the name
    of its predecessor. Raises EpochChangedError, and what the COPY failed with.
    """
    first = copy.take(SILENCE)
    with connected(dsn) as second:
        if read_epoch(second, view) != epoch:
            raise EpochChangedError
    return copy.take() if first == b"" else first


def is_unknown_view(error: psycopg2.Error) -> bool:
    return error.pgcode in ("42704", "42P01") or "unknown catalog item" in str(error)


def die_with_the_reader() -> None:
    """End this process, as a write to the pipe would, once nobody reads stdout any more."""

    def watch() -> None:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are reported all the same
        poll.poll()
        os.kill(os.getpid(), signal.SIGPIPE)

    threading.Thread(target=watch, name="watch stdout", daemon=True).start()


def leave_out_noise(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Hold back what psycopg2 prints of itself when an engine ends a COPY with a last word."""
    if not (kind is SystemError and isinstance(error.__cause__, psycopg2.Error)):
        sys.__excepthook__(kind, error, trace)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Print the changes of a view: one COPY of a TAIL, as text."
    )
    parser.add_argument("view", metavar="VIEW", help="NAME or SCHEMA.NAME")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--resume",
        metavar="EPOCH:FRONTIER",
        default="",
        help="print every change at or after FRONTIER; empty: start from the present",
    )
    start.add_argument(
        "--snapshot", action="store_true", help="print the view's rows first; not to be posted"
    )
    parser.add_argument(
        "--dsn",
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine (VIEWSTREAM_DSN; %(default)s)",
    )
    options = parser.parse_args()
    try:
        options.resume = parse_position(options.resume) if options.resume.strip() else None
        quote_view(options.view)
    except ProtocolError as error:
        parser.error(str(error))
    return options


def main() -> int:
    # psycopg2 holds back Python's signal handlers until a row comes: let the system act at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    sys.excepthook = leave_out_noise
    options = parse_arguments()
    die_with_the_reader()
    try:
        if options.snapshot:
            print_snapshot(options.dsn, options.view)
        else:
            print_changes(options.dsn, options.view, options.resume)
    except (psycopg2.Error, LookupError, ProtocolError, OSError) as error:
        say(f"{options.view}: {sentence(error)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
