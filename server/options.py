"""The command line of `python -m server`: each option is one field of `Options`.

Only what a user needs is an option. All other bounds are constants at the place that they bound;
`server.app.Bounds` lists them for tests that need tighter ones.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import parse_dsn

from server.hub.limits import Limits
from viewstream.engine import DEFAULT_DSN
from viewstream.names import split_view_name
from viewstream.protocol import BODY_LIMIT, ProtocolError, parse_position

MAX_CLIENTS = 20_000
"""Websockets at a time: so many idle ones take 400 MB (docs/scaling.md)."""
STATIC = Path(__file__).parent.parent / "static"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def view_name(text: str) -> str:
    """Return the name of a view that can be served; raises argparse.ArgumentTypeError."""
    try:
        split_view_name(text)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if any(ord(character) < 0x20 for character in text):
        raise argparse.ArgumentTypeError(f"expected a view without control codes, found {text!r}")
    if _is_position(text.rpartition("@")[2]):
        raise argparse.ArgumentTypeError(
            f"expected a view that does not end like a position (@EPOCH:FRONTIER), found {text!r}"
        )
    return text


def _is_position(text: str) -> bool:
    try:
        parse_position(text)
    except ProtocolError:
        return False
    return True


def _dsn(text: str) -> str:
    """Check a DSN; an error does not repeat it, since it may hold a password."""
    try:
        parse_dsn(text)
    except psycopg2.ProgrammingError as error:
        raise argparse.ArgumentTypeError(
            "expected a DSN as libpq reads it, such as 'host=127.0.0.1 port=6875 user=materialize' "
            "or postgresql://user@host:port/database (not shown: it may hold a password)"
        ) from error
    return text


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_origin = bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        is_origin = False
    if not is_origin and text != "null":
        raise argparse.ArgumentTypeError(
            f"expected an origin such as https://example.org, found {text!r}"
        )
    return text


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder, found {text!r}")
    return Path(text)


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 500, 64K or 8M, found {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e9:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, found {text!r}")
    return value


def _show_size(size: int) -> str:
    return f"{size >> 20}M" if size % (1 << 20) == 0 else f"{size >> 10}K"


@dataclass(frozen=True)
class _Kind:
    """How a value is parsed, named in the help, and shown as a default."""

    parse: Callable[[str], Any]
    unit: str
    show: Callable[[Any], str] | None = None


_ADDRESS = _Kind(_address, "HOST:PORT", lambda address: f"{address[0]}:{address[1]}")
_COUNT = _Kind(_count, "NUMBER", str)
_FILE = _Kind(Path, "FILE")
_SECONDS = _Kind(_seconds, "SECONDS", lambda seconds: f"{seconds:g}")
_SIZE = _Kind(_size, "SIZE", _show_size)
_TEXT = _Kind(str, "TEXT")


@dataclass(frozen=True)
class _Option:
    """Makes a field of `Options` an option; `variable` of the environment can set it too."""

    help: str
    kind: _Kind = _TEXT
    variable: str | None = None


@dataclass(frozen=True)
class Options:
    """The operator's decisions. A field that is an empty tuple is an option that can repeat."""

    views: tuple[str, ...]
    views_from: Annotated[
        Path | None,
        _Option(
            "names of more views, one a line; a name that is added to the file is served from then "
            "on, without a restart",
            _FILE,
        ),
    ] = None
    tail: Annotated[
        bool,
        _Option(
            "read the changes from the engine, by a TAIL for each view, instead of having them "
            "posted by pipelines"
        ),
    ] = False
    posted: Annotated[
        tuple[str, ...],
        _Option(
            "a view whose changes pipelines post in spite of --tail; can be repeated",
            _Kind(view_name, "VIEW"),
        ),
    ] = ()
    processes: Annotated[
        int,
        _Option(
            "of this server on the same port, each with TAILs and clients of its own; needs --tail",
            _COUNT,
        ),
    ] = 1
    listen: Annotated[
        tuple[str, int], _Option("where to listen; port 0 takes a free one", _ADDRESS)
    ] = ("127.0.0.1", 8888)
    dsn: Annotated[
        str,
        _Option(
            "the engine, as libpq reads it; if it has a password, better given as VIEWSTREAM_DSN",
            _Kind(_dsn, "DSN"),
            "VIEWSTREAM_DSN",
        ),
    ] = DEFAULT_DSN
    token: Annotated[
        str | None,
        _Option(
            "the secret that pipelines must send, better given as VIEWSTREAM_TOKEN; without one "
            "only programs on this machine may post",
            variable="VIEWSTREAM_TOKEN",
        ),
    ] = None
    reader_key: Annotated[
        Path | None,
        _Option(
            "clients must send a token that a key of this file has signed: public keys (PEM or a "
            "JSON Web Key Set), or shared secrets, one a line; read again on SIGHUP",
            _FILE,
        ),
    ] = None
    reader_audience: Annotated[
        str | None, _Option("that the claim aud of a reader's token must name")
    ] = None
    reader_cookie: Annotated[
        str | None, _Option("the name of a cookie in which browsers send the reader's token")
    ] = None
    origin: Annotated[
        tuple[str, ...],
        _Option(
            "whose pages may connect, such as https://example.org; can be repeated",
            _Kind(_origin, "ORIGIN"),
        ),
    ] = ()
    host: Annotated[
        tuple[str, ...],
        _Option(
            "at which browsers reach the server, such as example.org; can be repeated. Without "
            "one it answers to names of this machine and of --origin only, and to addresses if "
            "others can reach it",
            _Kind(str.lower, "NAME"),
        ),
    ] = ()
    static: Annotated[Path, _Option("the files served at /", _Kind(_folder, "FOLDER"))] = STATIC
    about: Annotated[str | None, _Option("where the data come from, shown on the page")] = None
    certificate: Annotated[Path | None, _Option("serve TLS with this chain (PEM)", _FILE)] = None
    key: Annotated[Path | None, _Option("the certificate's private key (PEM)", _FILE)] = None
    max_clients: Annotated[
        int | None,
        _Option(
            f"of websockets at a time; default {MAX_CLIENTS}, or as many as the limit of open "
            "files has room for",
            _COUNT,
        ),
    ] = None
    max_body: Annotated[int, _Option("of a POST", _SIZE)] = BODY_LIMIT
    log_bytes: Annotated[
        int, _Option("of deltas kept for one view, from which clients resume", _SIZE)
    ] = Limits.log_bytes
    stale_after: Annotated[
        float,
        _Option("without a POST, or behind the engine, after which a view is stale", _SECONDS),
    ] = Limits.stale_after / 1000
    engine_timeout: Annotated[
        float,
        _Option(
            "that the engine may be silent while it answers (24 times as long for a whole answer); "
            "raise it for views that take long to read",
            _SECONDS,
        ),
    ] = 5.0

    def is_tailed(self, view: str) -> bool:
        """Return whether the server reads the view's changes itself: nobody may post them."""
        return self.tail and view not in self.posted


def parse(words: Sequence[str]) -> Options:
    """Read the command line; ends the process with a message if it is wrong."""
    parser = _parser()
    given = vars(parser.parse_args(words))
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    options = Options(**{**given, **lists})
    if (options.certificate is None) != (options.key is None):
        parser.error("expected --certificate and --key together")
    if not options.views and options.views_from is None:
        parser.error("expected views, or --views-from FILE")
    if options.reader_key is None and (options.reader_audience or options.reader_cookie):
        parser.error("expected --reader-key FILE with --reader-audience or --reader-cookie")
    if options.processes > 1 and not options.tail:
        parser.error("expected --tail with --processes: a POST would reach one process only")
    if options.posted and (not options.tail or options.processes > 1):
        parser.error("expected --posted with --tail and one process")
    if len(set(options.views)) != len(options.views):
        parser.error("expected each view once")
    if options.token is not None and not re.fullmatch(r"[!-~]+", options.token):
        parser.error(  # without the value: it is a secret
            "expected a token (--token, VIEWSTREAM_TOKEN) of printable ASCII without blanks"
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Keeps browsers' copies of Materialize's views exact, over websockets.",
        epilog="Sizes may end in K, M or G.",
    )
    parser.add_argument(
        "views", nargs="*", type=view_name, metavar="VIEW", help="NAME or SCHEMA.NAME, as in SQL"
    )
    hints = get_type_hints(Options, include_extras=True)
    for name, hint in hints.items():
        for option in getattr(hint, "__metadata__", ()):
            _add(parser, name, option, getattr(Options, name))
    return parser


def _add(parser: argparse.ArgumentParser, name: str, option: _Option, default: Any) -> None:
    if default is False:
        parser.add_argument(f"--{name}", action="store_true", help=option.help)
        return
    kind = option.kind
    shown = "" if kind.show is None or default is None else f"; default {kind.show(default)}"
    if option.variable is not None:
        default = os.environ.get(option.variable) or default  # never shown: it may be a secret
    parser.add_argument(
        "--" + name.replace("_", "-"),
        default=[] if default == () else default,
        action="append" if default == () else "store",
        type=kind.parse,
        metavar=kind.unit,
        help=option.help + shown,
    )
