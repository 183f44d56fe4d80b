"""Values of options: how a text is checked and parsed, named in the help, and shown."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from viewstream.dsn import usable_dsn
from viewstream.log_format import FORMATS
from viewstream.names import (
    parse_column_of_view,
    parse_view,
    spell_column_of_view,
    split_view_name,
)
from viewstream.protocol import ProtocolError, parse_position

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def view_name(text: str) -> str:
    """Return the name of a view that can be served; raises argparse.ArgumentTypeError."""
    try:
        split_view_name(text)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if any(ord(character) < 0x20 for character in text):
        raise argparse.ArgumentTypeError(f"expected a view without control codes, found {text!r}")
    if _is_part(text):
        raise argparse.ArgumentTypeError(
            f"expected a view, found {text!r}: a view is served in parts by --part VIEW:COLUMN"
        )
    if _is_position(text.rpartition("@")[2]):
        raise argparse.ArgumentTypeError(
            f"expected a view that does not end like a position (@EPOCH:FRONTIER), found {text!r}"
        )
    return text


def _column_of_view(text: str) -> tuple[str, str]:
    try:
        return parse_column_of_view(text)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _is_part(text: str) -> bool:
    try:
        return parse_view(text).part is not None
    except ProtocolError:
        return False


def _is_position(text: str) -> bool:
    try:
        parse_position(text)
    except ProtocolError:
        return False
    return True


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
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)


def _host(text: str) -> str:
    if not re.fullmatch(r"[^\s:/?#@\[\],]+|[0-9A-Fa-f:.]+", text):
        raise argparse.ArgumentTypeError(
            f"expected a name without scheme and port, such as example.org, found {text!r}"
        )
    return text.lower()


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected an address or a network such as 10.0.0.0/8, found {text!r}"
        ) from error


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder, found {text!r}")
    return Path(text)


def _format(text: str) -> str:
    if text not in FORMATS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(FORMATS)}, found {text!r}")
    return text


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})([KMG]?)", text.upper())
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 500, 64K or 8M, found {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,15}", text) or int(text) == 0:
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
    for unit in ("M", "K"):
        if size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


@dataclass(frozen=True)
class Kind:
    """How a value is parsed, named in the help, and shown as a default."""

    parse: Callable[[str], Any]
    unit: str
    show: Callable[[Any], str] | None = None


ADDRESS = Kind(_address, "HOST:PORT", lambda address: f"{address[0]}:{address[1]}")
COUNT = Kind(_count, "NUMBER", str)
FILE = Kind(Path, "FILE")
SECONDS = Kind(_seconds, "SECONDS", lambda seconds: f"{seconds:g}")
SIZE = Kind(_size, "SIZE", _show_size)
TEXT = Kind(str, "TEXT")
SECRET = Kind(str, "TEXT")
FORMAT = Kind(_format, "FORMAT")
VIEW = Kind(view_name, "VIEW")
PART = Kind(_column_of_view, "VIEW:COLUMN", lambda part: spell_column_of_view(*part))
DSN = Kind(usable_dsn, "DSN")
ORIGIN = Kind(_origin, "ORIGIN")
HOST = Kind(_host, "NAME")
NETWORK = Kind(_network, "ADDRESS")
FOLDER = Kind(_folder, "FOLDER")
