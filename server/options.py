"""The command line of `python -m server`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from server import arguments
from server.http.access import is_loopback
from server.hub.limits import Limits
from server.limit_options import add_limits, read_limits
from server.upstream.database import CONNECTIONS, LIMIT
from viewstream.engine import DEFAULT_DSN
from viewstream.protocol import BODY_LIMIT

STATIC = Path(__file__).parent.parent / "static"


@dataclass(frozen=True)
class Options:
    """Times in seconds, sizes in bytes; the bounds of the hub are in `limits`."""

    views: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8888
    dsn: str = DEFAULT_DSN
    token: str | None = None
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None
    """Names for which requests may come, besides this machine's own; None: any."""
    static: Path = STATIC
    about: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    max_body: int = BODY_LIMIT
    max_clients: int = 20_000
    counts_on_clients: bool = False
    """Whether somebody asked for `max_clients`, so that fewer are worth a warning."""
    max_requests: int = 2_000
    epoch_every: float = 3.0
    idle_timeout: float = 60.0
    body_timeout: float = 60.0
    engine_timeout: float = LIMIT
    engine_connections: int = CONNECTIONS
    limits: Limits = field(default_factory=Limits)

    @property
    def compress_from(self) -> int | None:
        return self.limits.compress_from


def parse(words: Sequence[str]) -> Options:
    """Read the command line; ends the process with a message if it is wrong."""
    given = _parser().parse_args(words)
    if (given.certificate is None) != (given.key is None):
        _parser().error("--certificate and --key go together")
    if len(set(given.views)) != len(given.views):
        _parser().error("expected each view once")
    host, port = given.listen
    return Options(
        views=tuple(given.views),
        host=host,
        port=port,
        dsn=given.dsn,
        token=_token(given.token),
        origins=frozenset(given.origin),
        hosts=_hosts(host, given.host, given.origin),
        static=given.static,
        about=given.about,
        certificate=given.certificate,
        key=given.key,
        max_body=given.max_body,
        max_clients=given.max_clients or Options.max_clients,
        counts_on_clients=given.max_clients is not None,
        max_requests=given.max_requests,
        epoch_every=given.epoch_every,
        idle_timeout=given.idle_timeout,
        body_timeout=given.body_timeout,
        engine_timeout=given.engine_timeout,
        engine_connections=given.engine_connections,
        limits=read_limits(given),
    )


_TIMES = {
    "epoch_every": "the engine is asked for the epochs",
    "idle_timeout": "for which a connection may take to send (the next) request's headers",
    "body_timeout": "that a request's body may take",
    "engine_timeout": "that the engine has for one question; raise it for views that take long to "
    "read",
}


def _parser() -> argparse.ArgumentParser:
    defaults = Options(())
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Keeps browsers' copies of Materialize's views exact, over websockets.",
        epilog="Sizes may end in K, M or G.",
    )
    add = parser.add_argument
    add(
        "views",
        nargs="+",
        type=arguments.view,
        metavar="VIEW",
        help="NAME or SCHEMA.NAME, as in SQL",
    )
    add(
        "--listen",
        type=arguments.address,
        default=(defaults.host, defaults.port),
        metavar="HOST:PORT",
        help=f"default {defaults.host}:{defaults.port}; port 0 takes a free one",
    )
    add(
        "--dsn",
        default=os.environ.get("VIEWSTREAM_DSN", DEFAULT_DSN),
        help="the engine, as libpq has it (or VIEWSTREAM_DSN)",
    )
    add(
        "--token",
        default=os.environ.get("VIEWSTREAM_TOKEN"),
        help="who posts has to say it; better given as VIEWSTREAM_TOKEN. "
        "Without one only programs on this machine may post",
    )
    add(
        "--origin",
        action="append",
        default=[],
        type=arguments.origin,
        help="an origin whose pages may connect, such as https://example.org; may be repeated",
    )
    add(
        "--host",
        action="append",
        default=[],
        type=str.lower,
        metavar="NAME",
        help="a name at which browsers reach the server, such as example.org; may be repeated. "
        "Without one, a server that listens on this machine alone answers to names of this "
        "machine and to those of --origin only, and any other answers to every name",
    )
    add(
        "--static",
        type=arguments.folder,
        default=STATIC,
        metavar="FOLDER",
        help="the files served at /",
    )
    add("--about", metavar="TEXT", help="where the views' data come from, for the page to say")
    add("--certificate", type=Path, metavar="FILE", help="serve TLS with this chain (PEM)")
    add("--key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    add("--max-body", type=arguments.size, default=defaults.max_body, help="of a POST, default 8M")
    add(
        "--max-clients",
        type=arguments.count,
        help=f"websockets at a time, default {defaults.max_clients}, or as many as the system's "
        "limit of open files has room for",
    )
    add(
        "--max-requests",
        type=arguments.count,
        default=defaults.max_requests,
        help="connections at a time that are no websockets, or not yet; more have to wait, "
        f"default {defaults.max_requests}",
    )
    for name, what in _TIMES.items():
        default = getattr(defaults, name)
        add(
            "--" + name.replace("_", "-"),
            type=arguments.seconds,
            default=default,
            metavar="SECONDS",
            help=f"{what}, default {default:g}",
        )
    add(
        "--engine-connections",
        type=arguments.count,
        default=defaults.engine_connections,
        help=f"questions to the engine at a time, default {defaults.engine_connections}",
    )
    add_limits(parser)
    return parser


def _token(text: str | None) -> str | None:
    """None for none; a token that no header can carry ends the process, and is not printed."""
    if text and not re.fullmatch(r"[!-~]+", text):
        _parser().error(
            "expected a token (--token, VIEWSTREAM_TOKEN) of printable ASCII without blanks"
        )
    return text or None


def _hosts(listen: str, hosts: Sequence[str], origins: Sequence[str]) -> frozenset[str] | None:
    if not hosts and not is_loopback(listen):
        return None
    names = (urlsplit(origin).hostname for origin in origins)
    return frozenset([*hosts, *filter(None, names)])
