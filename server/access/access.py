"""Access rules: what a request may do, decided from its headers, without I/O.

Each rule returns None to allow, or a `Refusal`. docs/protocol.md lists them.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote_to_bytes, urlsplit

from server.access.grant import ALL, Grant
from server.access.reader_token import ReaderToken
from server.access.refusal import Refusal

FOREIGN_HEADERS = {"Origin", "Forwarded", "Via", "X-Real-Ip"}
"""Headers of browsers and of proxies, as Tornado spells them."""
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
"""The scheme of pages by what proxies call a request's."""
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?")
SMALL_BODY = 64 << 10
"""Bytes of a body where none is needed; a POST of a delta has a limit of its own."""


class Access:
    """The rules of one server, from its options `--token`, `--origin`, `--host` and `--listen`.

    `reader_token` has those of `--reader-key`; without it every reader that the other rules allow
    may read every view.
    """

    def __init__(
        self,
        address: str,
        token: str | None,
        origins: Iterable[str],
        hosts: Iterable[str],
        reader_token: ReaderToken | None = None,
        *,
        has_tls: bool = False,
    ) -> None:
        self._token = token
        self._has_tls = has_tls
        self._reader_token = reader_token
        self._origins = frozenset(origins)
        names = (urlsplit(origin).hostname for origin in self._origins)
        self._hosts = frozenset([address.lower(), *hosts, *filter(None, names)])
        """Names for which requests may come, besides this machine's own."""
        self._may_be_address = not is_loopback(address)

    def refuse_host(self, headers: Mapping[str, str]) -> Refusal | None:
        """Allow requests for a name of this machine, or for an allowed name.

        DNS rebinding: a page's own name can resolve to this machine. Its browser then treats the
        server as part of that page's site, and only the Host header shows the difference. An
        address leads to itself alone, so it is allowed where others can reach the server. A
        request without a Host is not a browser's.
        """
        host = headers.get("Host")
        if host is None:
            return None
        name = _host_name(host).lower()
        if name and (name in self._hosts or is_loopback(name)):
            return None
        if self._may_be_address and _is_address(name):
            return None
        return Refusal(403, f"the host {host!r} is not allowed: see --host", "host")

    def refuse_origin(self, headers: Mapping[str, str]) -> Refusal | None:
        """Allow websockets from pages of this very host, and of allowed origins.

        Programs that are not browsers send neither Origin nor Sec-Fetch-Site, and are allowed.
        """
        origin = headers.get("Origin")
        if origin is None or origin in self._origins:
            return None
        site = headers.get("Sec-Fetch-Site")
        if site == "same-origin":
            return None
        if site is None and self._is_own(origin, headers):
            return None
        return Refusal(403, f"the origin {origin!r} is not allowed: see --origin", "origin")

    def _is_own(self, origin: str, headers: Mapping[str, str]) -> bool:
        """Whether an origin is this host's, and of the scheme by which the request came, if known.

        A page of http://example.org is another's than one of https://example.org, on a network
        where somebody answers in our place. Behind a proxy X-Forwarded-Proto has the scheme; a
        page cannot set that header.
        """
        forwarded = headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
        scheme = _SCHEMES.get(forwarded) or ("https" if self._has_tls else None)
        if _netloc(origin) != headers.get("Host", "").lower():
            return False
        return scheme is None or origin.lower().startswith(f"{scheme}://")

    def find_grant(self, headers: Mapping[str, str], at: float) -> Grant | Refusal:
        """Return what the request's token grants at a time in seconds since 1970.

        Browsers send a cookie with the requests of every site's pages, so that one counts only
        from pages of this server and of allowed origins.
        """
        if self._reader_token is None:
            return ALL
        is_own_page = headers.get("Sec-Fetch-Site") in (None, "none", "same-origin")
        may_use_cookie = self.refuse_origin(headers) is None and (
            is_own_page or self.allowed_origin(headers) is not None
        )
        return self._reader_token.check(headers, at, may_use_cookie=may_use_cookie)

    def find_operator_grant(
        self, headers: Mapping[str, str], version: str, remote_ip: str, at: float
    ) -> Grant | Refusal:
        """Return `ALL` for a request that may post, as pipelines and operators do.

        For all others, return what their token grants. A browser on this machine is no program of
        the operator's.
        """
        is_program = "Sec-Fetch-Site" not in headers
        if is_program and self._refuse_sender(headers, version, remote_ip) is None:
            return ALL
        return self.find_grant(headers, at)

    def allowed_origin(self, headers: Mapping[str, str]) -> str | None:
        """The request's origin, if `--origin` allows it: its pages may read the answer (CORS)."""
        origin = headers.get("Origin")
        return origin if origin in self._origins else None

    def refuse_post(
        self, headers: Mapping[str, str], version: str, remote_ip: str
    ) -> Refusal | None:
        """Allow posts with the token; without a token, posts of programs on this machine.

        `version` is the request's, such as "HTTP/1.1". Two kinds of requests come from this
        machine without being such a program's: those that a proxy forwards (proxies usually
        add a header, or speak HTTP/1.0), and those of a page in a local browser (which have an
        Origin or a foreign Host, and cannot send JSON without a preflight).
        """
        refusal = self._refuse_sender(headers, version, remote_ip)
        if refusal is not None or self._token is not None:
            return refusal
        content_type = headers.get("Content-Type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return Refusal(
                415, f"expected the Content-Type application/json, found {content_type!r}"
            )
        return None

    def _refuse_sender(
        self, headers: Mapping[str, str], version: str, remote_ip: str
    ) -> Refusal | None:
        if self._token is not None:
            return _refuse_token(headers, self._token)
        if not is_loopback(remote_ip):
            return Refusal(
                403, f"without a token only this machine may post, not {remote_ip}", "poster"
            )
        if version == "HTTP/1.0":
            return Refusal(
                403, "without a token a POST must be HTTP/1.1: proxies speak HTTP/1.0", "poster"
            )
        for name in headers:
            if name in FOREIGN_HEADERS or name.startswith("X-Forwarded-"):
                return Refusal(
                    403, f"without a token a POST must not have the header {name}", "poster"
                )
        host = headers.get("Host", "")
        if not is_loopback(_host_name(host)):
            return Refusal(
                403, f"without a token the Host must be this machine, found {host!r}", "poster"
            )
        return None


def refuse_path(path: str) -> Refusal | None:
    """Refuse a path with control codes: no file has such a name."""
    decoded = unquote_to_bytes(path)
    if any(byte < 0x20 or byte == 0x7F for byte in decoded):
        return Refusal(400, f"expected a path without control codes, found {path!r}")
    return None


def refuse_unwanted_body(headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a body that is large, or may be, where none is of use."""
    return refuse_body(headers, SMALL_BODY, may_stream=False)


def refuse_body(headers: Mapping[str, str], limit: int, *, may_stream: bool) -> Refusal | None:
    """Refuse a body above `limit` bytes, and one of unknown size unless it `may_stream`."""
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        return Refusal(400, f"expected a Content-Length in digits, found {length!r}")
    if len(length) > 18 or int(length) > limit:  # int() refuses thousands of digits
        return Refusal(413, f"the body is larger than the limit of {limit} bytes")
    if not may_stream and "Transfer-Encoding" in headers:
        return Refusal(411, "expected a Content-Length, or no body")
    return None


def _refuse_token(headers: Mapping[str, str], token: str) -> Refusal | None:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return Refusal(401, "expected a token: Authorization: Bearer TOKEN")
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        return Refusal(401, "the token is wrong")
    return None


def is_page(headers: Mapping[str, str]) -> bool:
    """Whether a page's browser sent the request: such ones have an Origin that can be parsed."""
    origin = headers.get("Origin")
    return origin is not None and _netloc(origin) is not None


def _netloc(origin: str) -> str | None:
    """Host and port of an origin; None if it cannot be parsed, such as `http://[`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _host_name(host: str) -> str:
    """The name in a Host header, without its port; empty if the header is in no such form."""
    match = _HOST.fullmatch(host)
    return "" if match is None else match[1] or match[2] or ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is a loopback address of this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
