"""Asks a server which views it serves, and whether it answers at all, for `scripts/pipeline`."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import requests

from viewstream.poster import read_token

PROBE_EVERY = 5.0
"""Seconds between two looks whether the server answers."""
TIMEOUT = 5.0


def served_views(server: str) -> list[str]:
    """Return the views that the server serves and lets this pipeline see.

    Raises requests.RequestException.
    """
    token = read_token(os.environ)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.get(_address(server), headers=headers, timeout=TIMEOUT)
    response.raise_for_status()
    return list(response.json().get("views", ()))


async def wait_until_gone(server: str, patience: float | None) -> None:
    """Wait until the server has not answered for `patience` seconds; for ever without one."""
    if patience is None:
        await asyncio.Event().wait()
        return
    clock = asyncio.get_running_loop().time
    answered_at = clock()
    while clock() - answered_at < patience:
        await asyncio.sleep(min(patience / 4, PROBE_EVERY))
        with suppress(requests.RequestException):
            await asyncio.to_thread(requests.get, _address(server), timeout=TIMEOUT)
            answered_at = clock()


def _address(server: str) -> str:
    return f"{server.rstrip('/')}/healthz"
