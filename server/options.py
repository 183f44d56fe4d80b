"""The options of `python -m server`: each is one field of `Options`.

Only what a user needs is an option. All other bounds are constants at the place that they bound;
`server.app.Bounds` lists them for tests that need tighter ones. `server.configuration` reads their
values from the command line, the environment and a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from server.access.address_limits import CLIENTS_PER_ADDRESS
from server.hub.limits import Limits
from server.option_values import (
    ADDRESS,
    COUNT,
    DSN,
    FILE,
    FOLDER,
    FORMAT,
    HOST,
    NETWORK,
    ORIGIN,
    PART,
    SECONDS,
    SECRET,
    SIZE,
    TEXT,
    VIEW,
    Kind,
)
from viewstream.engine import DEFAULT_DSN
from viewstream.protocol import BODY_LIMIT

MAX_CLIENTS = 20_000
"""Websockets at a time: so many idle ones take 30 MB (docs/scaling.md)."""
STATIC = Path(__file__).parent.parent / "static"


class ConfigurationError(Exception):
    """The options are wrong; the text says which, and what was expected."""


@dataclass(frozen=True)
class Option:
    """Makes a field of `Options` an option."""

    help: str
    kind: Kind = TEXT


@dataclass(frozen=True)
class Options:
    """The operator's decisions. A field that is an empty tuple is an option that can repeat."""

    views: Annotated[tuple[str, ...], Option("NAME or SCHEMA.NAME, as in SQL", VIEW)]
    views_from: Annotated[
        Path | None,
        Option(
            "names of more views, one a line; a name that is added to the file is served from then "
            "on, without a restart",
            FILE,
        ),
    ] = None
    part: Annotated[
        tuple[tuple[str, str], ...],
        Option(
            "serve a view also in parts, by the values of one of its columns: with orders:tenant "
            "a client may ask for orders[tenant=42]; can be repeated",
            PART,
        ),
    ] = ()
    max_parts: Annotated[
        int,
        Option(
            "of views that are open at a time, because clients read them; one address may have "
            "a quarter of them",
            COUNT,
        ),
    ] = Limits.max_parts
    tail: Annotated[
        bool,
        Option(
            "read the changes from the engine, by a TAIL for each view, instead of having them "
            "posted by pipelines"
        ),
    ] = False
    posted: Annotated[
        tuple[str, ...],
        Option(
            "a view whose changes pipelines post in spite of --tail; can be repeated",
            VIEW,
        ),
    ] = ()
    processes: Annotated[
        int,
        Option(
            "of this server on the same port, each with TAILs and clients of its own; needs --tail",
            COUNT,
        ),
    ] = 1
    listen: Annotated[
        tuple[str, int], Option("where to listen; port 0 takes a free one", ADDRESS)
    ] = ("127.0.0.1", 8888)
    dsn: Annotated[
        str,
        Option(
            "the engine, as libpq reads it; if it has a password, better given as VIEWSTREAM_DSN",
            DSN,
        ),
    ] = DEFAULT_DSN
    token: Annotated[
        str | None,
        Option(
            "the secret that pipelines must send, better given as VIEWSTREAM_TOKEN or "
            "--token-file; without one only programs on this machine may post",
            SECRET,
        ),
    ] = None
    token_file: Annotated[
        Path | None, Option("a file with the secret that pipelines must send", FILE)
    ] = None
    reader_key: Annotated[
        Path | None,
        Option(
            "clients must send a token that a key of this file has signed: public keys (PEM or a "
            "JSON Web Key Set), or shared secrets, one a line; read again on SIGHUP",
            FILE,
        ),
    ] = None
    reader_audience: Annotated[
        str | None, Option("that the claim aud of a reader's token must name")
    ] = None
    reader_cookie: Annotated[
        str | None, Option("the name of a cookie in which browsers send the reader's token")
    ] = None
    origin: Annotated[
        tuple[str, ...],
        Option(
            "whose pages may connect, such as https://example.org; can be repeated",
            ORIGIN,
        ),
    ] = ()
    host: Annotated[
        tuple[str, ...],
        Option(
            "at which browsers reach the server, such as example.org; can be repeated. Without "
            "one it answers to names of this machine and of --origin only, and to addresses if "
            "others can reach it",
            HOST,
        ),
    ] = ()
    static: Annotated[Path, Option("the files served at /", FOLDER)] = STATIC
    about: Annotated[str | None, Option("where the data come from, shown on the page")] = None
    certificate: Annotated[Path | None, Option("serve TLS with this chain (PEM)", FILE)] = None
    key: Annotated[Path | None, Option("the certificate's private key (PEM)", FILE)] = None
    max_clients: Annotated[
        int | None,
        Option(
            f"of websockets at a time; default {MAX_CLIENTS}, or as many as the limit of open "
            "files has room for",
            COUNT,
        ),
    ] = None
    max_clients_per_address: Annotated[
        int | None,
        Option(
            f"of websockets at a time from one address; default {CLIENTS_PER_ADDRESS}, and without "
            "a limit from this machine",
            COUNT,
        ),
    ] = None
    proxy: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Option(
            "whose X-Forwarded-For names the client's address: an address or a network, such as "
            "10.0.0.0/8; can be repeated",
            NETWORK,
        ),
    ] = ()
    max_body: Annotated[int, Option("of a POST", SIZE)] = BODY_LIMIT
    log_bytes: Annotated[
        int, Option("of deltas kept for one view, from which clients resume", SIZE)
    ] = Limits.log_bytes
    stale_after: Annotated[
        float,
        Option("without a POST, or behind the engine, after which a view is stale", SECONDS),
    ] = Limits.stale_after / 1000
    log_format: Annotated[
        str | None,
        Option(
            "of the log: text, json, or plain (text without times, for a parent that adds them); "
            "default text on a terminal and json elsewhere",
            FORMAT,
        ),
    ] = None
    engine_timeout: Annotated[
        float,
        Option(
            "that the engine may be silent while it answers (24 times as long for a whole answer); "
            "raise it for views that take long to read",
            SECONDS,
        ),
    ] = 5.0

    def is_tailed(self, view: str) -> bool:
        """Return whether the server reads the view's changes itself: nobody may post them."""
        return self.tail and view not in self.posted


def check(options: Options) -> None:
    """Check what the values of several options have to do with each other.

    Raises ConfigurationError.
    """
    if (options.certificate is None) != (options.key is None):
        raise ConfigurationError("expected --certificate and --key together")
    if not options.views and options.views_from is None:
        raise ConfigurationError("expected views, or --views-from FILE")
    if options.reader_key is None and (options.reader_audience or options.reader_cookie):
        raise ConfigurationError(
            "expected --reader-key FILE with --reader-audience or --reader-cookie"
        )
    if options.processes > 1 and not options.tail:
        raise ConfigurationError(
            "expected --tail with --processes: a POST would reach one process only"
        )
    if options.posted and (not options.tail or options.processes > 1):
        raise ConfigurationError("expected --posted with --tail and one process")
    if len(set(options.views)) != len(options.views):
        raise ConfigurationError("expected each view once")
    _check_parts(options)
    if options.token is not None and not re.fullmatch(r"[!-~]+", options.token):
        raise ConfigurationError(  # without the value: it is a secret
            "expected a token (--token, --token-file, VIEWSTREAM_TOKEN) of printable ASCII "
            "without blanks"
        )


def _check_parts(options: Options) -> None:
    views = [view for view, _ in options.part]
    if len(set(views)) != len(views):
        raise ConfigurationError("expected one --part for each view: it is split by one column")
    unknown = [view for view in views if view not in options.views]
    if unknown and options.views_from is None:
        raise ConfigurationError(f"expected --part of a view that is served, found {unknown[0]!r}")
