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

TELLTALES = {"Origin", "Forwarded", "Via", "X-Real-Ip"}
"""Headers of browsers and of proxies, as Tornado spells them."""


@dataclass(frozen=True)
class Refusal:
    status: int
    sentence: str


def refuse_host(headers: HTTPHeaders, allowed: Collection[str] | None) -> Refusal | None:
    """Only requests for a name of this machine, or for an allowed one; None allows any name.

    A page may be at a name of its own that was made to lead to this machine: the browser takes the
    server for a part of that page's site, and only the Host tells. A request without any Host
    comes from no browser.
    """
    host = headers.get("Host")
    if allowed is None or host is None:
        return None
    name = _host_name(host).lower()
    if name in allowed or is_loopback(name):
        return None
    return Refusal(403, f"the host {host!r} is not allowed: see --host")


def refuse_body(headers: HTTPHeaders, limit: int, *, may_stream: bool) -> Refusal | None:
    """A body above `limit` bytes; one of unknown size too, unless it `may_stream`."""
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        return Refusal(400, f"expected a Content-Length in digits, found {length!r}")
    if len(length) > 18 or int(length) > limit:  # int() refuses thousands of digits
        return Refusal(413, f"the body is larger than the limit of {limit} bytes")
    if not may_stream and "Transfer-Encoding" in headers:
        return Refusal(411, "expected a Content-Length, or no body")
    return None


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
    if site is None and _netloc(origin) == headers.get("Host", "").lower():
        return None
    return Refusal(403, f"the origin {origin!r} is not allowed")


def refuse_post(
    headers: HTTPHeaders, version: str, remote_ip: str, token: str | None
) -> Refusal | None:
    """With a token, whoever has it may post; without, only programs on this machine may.

    `version` is the request's, such as "HTTP/1.1". Neither a proxy on this machine (which forwards
    for others, and as a rule says so in a header, or speaks HTTP/1.0) nor a page in somebody's
    browser (which has an origin, may be at a name that was made to lead here, and cannot send
    JSON unasked) counts as such a program.
    """
    if token is not None:
        return _refuse_token(headers, token)
    if not is_loopback(remote_ip):
        return Refusal(403, f"without a token only this machine may post, not {remote_ip}")
    if version == "HTTP/1.0":
        return Refusal(403, "without a token a POST must not be of HTTP/1.0, as proxies speak it")
    for name in headers:
        if name in TELLTALES or name.startswith("X-Forwarded-"):
            return Refusal(403, f"without a token a POST must not have the header {name}")
    host = headers.get("Host", "")
    if not is_loopback(_host_name(host)):
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


def _netloc(origin: str) -> str | None:
    """Host and port of an origin; None if it cannot be read, such as `http://[`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine to itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
