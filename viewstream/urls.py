"""The address of a server. No I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8888"
"""Where a server listens unless it was configured otherwise."""


def is_server_url(url: str) -> bool:
    """Whether `url` names a host to speak HTTP to; `127.0.0.1:8888` alone, for one, does not."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # the port is checked when it is read
    except ValueError:
        return False
    return (
        has_host
        and parts.scheme in ("http", "https")
        and not (parts.query or parts.fragment)
        and not re.search(r"[^!-~]", url)
    )
