"""TCP ports of this machine: free ones, and whether one can be listened on."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket

HOST = "127.0.0.1"
_HIGHEST = 65535
_NOT_EPHEMERAL = range(10_000, 32_768)
_TRIES = 1000


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
    """Return a port that nobody listens on now; raises PortError if none is found.

    A kernel gives ports above these to connections by itself, so that such a port could be taken
    before it is listened on.
    """
    for _ in range(_TRIES):
        port = random.choice(_NOT_EPHEMERAL)  # noqa: S311 -- not a secret
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise PortError(f"no port from {_NOT_EPHEMERAL[0]} to {_NOT_EPHEMERAL[-1]} is free")


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
