"""Who may do what: decisions about a request's headers, without I/O.

Each function returns None for yes, or a `Refusal`: a status and one sentence.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders


@dataclass(frozen=True)
class Refusal:
    status: int
    sentence: str


def refuse_origin(headers: HTTPHeaders, allowed: Collection[str]) -> Refusal | None:
    """Only pages of this very host, or of an allowed origin, may open a websocket.

    What is not a browser sends neither Origin nor Sec-Fetch-Site, and may.
    """
    origin = headers.get("Origin")
    if origin is None or origin in allowed:
        return None
    site = headers.get("Sec-Fetch-Site")
    if site == "same-origin":
        return None
    if site is None and urlsplit(origin).netloc.lower() == headers.get("Host", "").lower():
        return None
    return Refusal(403, f"the origin {origin!r} is not allowed")


def refuse_post(headers: HTTPHeaders, remote_ip: str, token: str | None) -> Refusal | None:
    """With a token, whoever has it may post; without, only programs on this machine may.

    Neither a proxy on this machine (which forwards for others) nor a page in somebody's
    browser (which has an origin, may be at a name that was made to lead here, and cannot send
    JSON unasked) counts as such a program.
    """
    if token is not None:
        return _refuse_token(headers, token)
    if not _is_loopback(remote_ip):
        return Refusal(403, f"without a token only this machine may post, not {remote_ip}")
    for name in headers:
        if name == "Origin" or name == "Forwarded" or name.startswith("X-Forwarded-"):
            return Refusal(403, f"without a token a POST must not have the header {name}")
    host = headers.get("Host", "")
    if not _is_loopback(_host_name(host)):
        return Refusal(403, f"without a token the Host must be this machine, not {host!r}")
    content_type = headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, f"expected the Content-Type application/json, found {content_type!r}")
    return None


def _refuse_token(headers: HTTPHeaders, token: str) -> Refusal | None:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return Refusal(401, "a token is needed: Authorization: Bearer TOKEN")
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        return Refusal(401, "the token is wrong")
    return None


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
