"""TCP ports of this machine: free ones, and whether one can be listened on."""

from __future__ import annotations

import argparse
import os
import socket

HOST = "127.0.0.1"
_HIGHEST = 65535


class PortError(Exception):
    """A port cannot be listened on; the text says why and what to do."""


def parse_port(text: str) -> int:
    """Return a TCP port, or 0 for a free one; raises argparse.ArgumentTypeError."""
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= _HIGHEST:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {_HIGHEST}, found {text!r}")
    return port


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def usable_port(port: int, option: str) -> int:
    """Return `port`, or a free one for 0; raises PortError if it cannot be listened on."""
    if port == 0:
        return free_port()
    try:
        with socket.create_server((HOST, port)):
            return port
    except OSError as error:
        raise PortError(
            f"port {port} cannot be used ({os.strerror(error.errno or 0)}): give another {option}"
        ) from None
