"""What the words of a command line may be: each function reads one, or says what was expected."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from urllib.parse import urlsplit

from viewstream.names import split_view_name
from viewstream.protocol import ProtocolError, parse_position

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def view(text: str) -> str:
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


def origin(text: str) -> str:
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


def address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)


def folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder, found {text!r}")
    return Path(text)


def size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 500, 64K or 8M, found {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return int(text)


def seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e9:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, found {text!r}")
    return seconds


def milliseconds(text: str) -> int:
    """Seconds on the command line, milliseconds within."""
    return max(1, round(seconds(text) * 1000))
