"""Opens the sockets at which the server listens."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

BACKLOG = 4096
"""Connections that the kernel queues: clients of a server that restarts come within a second."""
_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def listen(host: str, port: int, *, shares_port: bool = False) -> list[socket.socket]:
    """Listen at each address of `host` that this machine has, all with the same port.

    `shares_port` lets other processes listen at the same port, too. Raises OSError.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in sorted({(family, address) for family, _, _, _, address in found}):
        if sockets:
            port = sockets[0].getsockname()[1]
        try:
            sockets.append(_open(family, (address[0], port, *address[2:]), shares_port=shares_port))
        except OSError as error:
            if error.errno not in _ABSENT:
                for opened in sockets:
                    opened.close()
                raise
            absent = error
    if absent is not None and not sockets:
        raise absent
    return sockets


def url_of(listening: socket.socket, *, is_tls: bool) -> str:
    """Return the URL at which a server answers."""
    host, port = listening.getsockname()[:2]
    return f"{'https' if is_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _open(
    family: socket.AddressFamily, address: tuple[Any, ...], *, shares_port: bool
) -> socket.socket:
    try:
        opened = socket.create_server(
            address, family=family, backlog=BACKLOG, reuse_port=shares_port
        )
    except OSError as error:
        # The message of `create_server` repeats the address.
        raise OSError(error.errno, os.strerror(error.errno or 0)) from error
    opened.setblocking(False)
    return opened
