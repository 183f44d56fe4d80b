#!/bin/sh
""":"
exec "${0%/*}/.venv/bin/python" "$0" "$@"

Prints the changes of one view to stdout: one COPY of a TAIL, as Materialize gives it.

    tail_view.py VIEW                               from the present on
    tail_view.py VIEW --resume EPOCH:FRONTIER       every change at or after FRONTIER, if it can
    tail_view.py VIEW --snapshot                    for a person: the rows first, then the changes
    tail_view.py VIEW --once                        for a person: the rows of now, and no more

The first line is `# epoch EPOCH`, the second a progress line that says where the stream begins; no
row lies below it. All that follows is COPY's text, which `post_deltas.py` reads. A TAIL that sends
nothing prints nothing, so the server reports that no pipeline posts. A view that can no longer
change ends with a progress line at 2^53-1. Exit statuses are in `viewstream/exit_status.py`.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # the imports below take a while, and SIGINT would print a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import os
import sys

import psycopg2

from viewstream import pipes
from viewstream.beginning import TailText
from viewstream.dialect import UnknownEngineError
from viewstream.dsn import usable_dsn
from viewstream.engine import DEFAULT_DSN
from viewstream.exit_status import ExitStatus
from viewstream.names import split_view_name
from viewstream.protocol import MAX_TIME, Position, ProtocolError, parse_position
from viewstream.psycopg import connected, copy, look_up, read_dialect, sentence
from viewstream.relation import is_unknown_relation

MOST_WAITING = 1 << 16
"""Bytes of rows of one time that are printed at the latest: a pipe takes no more at once."""


class EpochChangedError(Exception):
    """The engine or the view was replaced while a TAIL of it began."""


class Printer(pipes.Stdout):
    """Prints the TAIL that psycopg2 writes to it, once the TAIL's epoch is proved.

    A view that is replaced just before its TAIL begins would otherwise be printed under the epoch
    of its predecessor. So the epoch is asked again, on a second connection, when a row has come.

    psycopg2 writes row by row. The rows of one time are printed together, when a row of another
    time comes: until then no reader can use them, since their time is not closed.
    """

    def __init__(self, dsn: str, view: str, epoch: str, text: TailText) -> None:
        self.has_begun = False
        self._dsn, self._view, self._epoch = dsn, view, epoch
        self._text = text
        self._time = b""
        """How a row of the time of the last one begins; empty before the first."""
        self._waiting: list[bytes] = []
        self._room = MOST_WAITING

    def write(self, data: bytes) -> None:
        if self._time and data.startswith(self._time) and data.find(b"\n") == len(data) - 1:
            self._waiting.append(data)
            self._room -= len(data)
            if self._room > 0:
                return
        else:
            self._begin()
            self._waiting.append(self._text.feed(data))
            if self._text.is_passing:
                time, tab, _ = data.partition(b"\t")
                self._time = time + tab
        self._print()

    def end(self) -> None:
        self._begin()
        self._waiting.append(self._text.end())
        self._print()

    def _print(self) -> None:
        super().write(b"".join(self._waiting))
        self._waiting.clear()
        self._room = MOST_WAITING

    def _begin(self) -> None:
        if self.has_begun:
            return
        self.has_begun = True
        with connected(self._dsn) as second:
            if look_up(second, self._view).epoch != self._epoch:
                raise EpochChangedError


def print_for_a_person(dsn: str, view: str, *, is_once: bool) -> None:
    """Print the view's rows, and then its changes unless `is_once`, without an epoch."""
    with connected(dsn) as connection:
        dialect, relation = read_dialect(connection), look_up(connection, view)
        rows, tail = dialect.copy_rows(relation), dialect.copy_tail(relation, snapshot=True)
        copy(connection, rows if is_once else tail, pipes.Stdout())


def print_changes(dsn: str, view: str, resume: Position | None) -> None:
    """Print the view's changes until it can no longer change.

    Starts over when the epoch changed while the TAIL began, and from the present when the engine
    refuses to resume. Raises psycopg2.Error, LookupError, ProtocolError and OSError.
    """
    while True:
        with connected(dsn) as connection:
            dialect, relation = read_dialect(connection), look_up(connection, view)
            epoch = relation.epoch
            if resume is not None and resume.epoch != epoch:
                report(f"the epoch of {view} is {epoch}, not that of {resume}: from the present")
                resume = None
            frontier = resume.frontier if resume and resume.frontier < MAX_TIME else None
            text = TailText(epoch, frontier, dialect.progress_offset)
            printer = Printer(dsn, view, epoch, text)
            tail = dialect.copy_tail(relation, as_of=None if frontier is None else frontier - 1)
            try:
                copy(connection, tail, printer)
                printer.end()
            except EpochChangedError:
                continue
            except psycopg2.Error as error:
                is_refusal = not printer.has_begun and not is_unknown_relation(str(error))
                if frontier is None or not is_refusal:
                    raise
                reason = sentence(view, error)
                report(f"cannot resume {view} at {resume} ({reason}): from the present")
                resume = None
            else:
                return


def report(message: str) -> None:
    sys.stderr.write(f"tail_view: {message}\n")


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
        "--snapshot", action="store_true", help="print the rows first, and then the changes"
    )
    parser.add_argument("--once", action="store_true", help="print the rows of now, and end")
    parser.add_argument(
        "--dsn",
        type=usable_dsn,
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine (default: $VIEWSTREAM_DSN, or 127.0.0.1:6875)",
    )
    options = parser.parse_args()
    try:
        options.resume = parse_position(options.resume) if options.resume.strip() else None
        split_view_name(options.view)
    except ProtocolError as error:
        parser.error(str(error))
    if options.once and options.resume:
        parser.error("argument --once: not allowed with argument --resume")
    return options


def main() -> ExitStatus:
    options = parse_arguments()
    pipes.end_by_signals()
    pipes.end_with_the_reader()
    try:
        if options.snapshot or options.once:
            print_for_a_person(options.dsn, options.view, is_once=options.once)
        else:
            print_changes(options.dsn, options.view, options.resume)
    except (psycopg2.Error, LookupError, ProtocolError, OSError) as error:
        report(f"{options.view}: {sentence(options.view, error)}")
        is_for_good = isinstance(error, UnknownEngineError)
        return ExitStatus.REFUSED if is_for_good else ExitStatus.FAILED
    return ExitStatus.ENDED


if __name__ == "__main__":
    sys.exit(main())
