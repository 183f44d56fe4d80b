"""Checks of a DSN before anything connects: libpq checks most of it only then.

Neither error repeats any of the DSN. A character of the password that is not percent-encoded can
make the rest of it a host or a port.
"""

from __future__ import annotations

import argparse
import os
import re
import stat
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

_NUMBERS = (
    *("connect_timeout", "tcp_user_timeout", "keepalives"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count"),
)
_TLS_VERSIONS = ("", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
}
"""The values of options that have few."""
SECRETS = ("password", "sslpassword")
"""Options that are secrets."""
_SERVICE_ERROR = re.compile(r"definition of service|.*service file|invalid ")
"""The beginnings of libpq's errors about a service file, and about values in it."""
_HIDDEN = "not shown: it may hold a password, whose special characters must be percent-encoded"


def usable_dsn(text: str) -> str:
    """Return a DSN that libpq can use; raises argparse.ArgumentTypeError."""
    try:
        options = parse_dsn(text)
    except psycopg2.ProgrammingError as error:
        raise argparse.ArgumentTypeError(
            "expected a DSN as libpq reads it, such as 'host=127.0.0.1 port=6875 user=materialize' "
            f"or postgresql://user@host:port/database ({_HIDDEN})"
        ) from error
    expected = _expected(options)
    if expected is not None:
        raise argparse.ArgumentTypeError(f"expected {expected} in the DSN ({_HIDDEN})")
    if options.get("service") or os.environ.get("PGSERVICE"):
        _check_service(text)
    elif not options.get("password") and not os.environ.get("PGPASSWORD"):
        _check_password_file(options)
    return text


def _check_service(text: str) -> None:
    """Refuse a DSN whose service libpq cannot use; it reads the file before it connects."""
    try:
        psycopg2.connect(make_dsn(text, host="/nowhere", hostaddr="")).close()
    except psycopg2.Error as error:
        if _SERVICE_ERROR.match(str(error)):
            raise argparse.ArgumentTypeError(
                "expected a service that libpq finds and can read: "
                "see PGSERVICEFILE, or ~/.pg_service.conf"
            ) from None


def _check_password_file(options: dict[str, str]) -> None:
    """Refuse a file that libpq would ignore, with a warning on stderr for each connection."""
    given = options.get("passfile") or os.environ.get("PGPASSFILE")
    try:
        mode = (Path(given) if given else Path("~/.pgpass").expanduser()).stat().st_mode
    except (OSError, RuntimeError):  # there is none, or no home
        return
    if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise argparse.ArgumentTypeError(
            "expected a password file (passfile, PGPASSFILE or ~/.pgpass) that only its owner can "
            "read: chmod 600"
        )


def _expected(options: dict[str, str]) -> str | None:
    """Return a description of the part that is wrong, as it should be; None if all are right."""
    if not all(map(_is_port, options.get("port", "").split(","))):
        return "a port from 1 to 65535"
    if not all(map(_is_host, options.get("host", "").split(","))):
        return "the name of a host"
    for name in _NUMBERS:
        if not re.fullmatch(r"-?[0-9]*", options.get(name, "")):
            return f"a whole number as {name}"
    for name, choices in _CHOICES.items():
        if options.get(name, choices[0]) not in choices:
            return f"one of {', '.join(filter(None, choices))} as {name}"
    return None


def _is_port(text: str) -> bool:
    return text == "" or (re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536)


def _is_host(text: str) -> bool:
    return text.startswith("/") or re.fullmatch(r"[^\s@/?#]*", text) is not None
