"""Websocket handshakes (RFC 6455, 4.2), and the head of a request that asks for one. No I/O."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

from server.access.reader_token import choose_subprotocol
from server.access.refusal import Refusal
from server.framing import Encoding
from server.wire.heads import parse_head
from server.wire.negotiate import negotiate_deflate

VERSION = "13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_SIZE = 16
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-Websocket-Accept: "
)
_NOT_PLAIN = {"Content-Length", "Transfer-Encoding", "Expect"}
"""Headers of a request that has a body."""


class StreamRequest(NamedTuple):
    """A request for a websocket at /view/stream. Names of headers are as Tornado spells them."""

    arguments: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]


class Handshake(NamedTuple):
    """A handshake that is in order."""

    key: str
    deflate: str | None
    """The answer to the offer of permessage-deflate."""
    subprotocol: str | None
    """The answer to the offer of subprotocols."""

    @property
    def encoding(self) -> Encoding:
        return Encoding.FRAMES if self.deflate is None else Encoding.DEFLATED_FRAMES


def parse_stream_request(head: bytes) -> StreamRequest | None:
    """Parse a plain request for a websocket; return None for any other, or a doubtful one."""
    parsed = parse_head(head)
    if parsed is None or parsed.method != "GET":
        return None
    path, _, query = parsed.target.partition("?")
    headers = parsed.headers
    is_websocket = headers.get("Upgrade", "").lower() == "websocket"
    if path != "/view/stream" or not is_websocket or not _NOT_PLAIN.isdisjoint(headers):
        return None
    arguments = _parse_query(query)
    return None if arguments is None else StreamRequest(arguments, headers)


@lru_cache(256)
def _parse_query(query: str) -> Mapping[str, Sequence[str]] | None:
    """Parse a query, which all clients of one page share; None if it is not in UTF-8."""
    try:
        return parse_qs(query, keep_blank_values=True, errors="strict")
    except ValueError:  # a UnicodeDecodeError is one
        return None


def check_handshake(
    headers: Mapping[str, str], method: str, version: str, *, compresses: bool
) -> Handshake | Refusal:
    """Check what RFC 6455 asks of a handshake; `compresses` allows permessage-deflate."""
    if headers.get("Upgrade", "").lower() != "websocket":
        return Refusal(426, "expected a websocket, or Accept: text/event-stream")
    if method != "GET" or version != "HTTP/1.1":
        return Refusal(400, f"expected a GET of HTTP/1.1, found {method} of {version}")
    connection = headers.get("Connection", "")
    if "upgrade" not in [token.strip().lower() for token in connection.split(",")]:
        return Refusal(400, f"expected the header Connection: Upgrade, found {connection!r}")
    if headers.get("Sec-Websocket-Version") != VERSION:
        found = headers.get("Sec-Websocket-Version")
        return Refusal(426, f"expected Sec-WebSocket-Version: {VERSION}, found {found!r}")
    if "Host" not in headers:
        return Refusal(400, "expected the header Host")
    key = headers.get("Sec-Websocket-Key", "")
    if not _is_key(key):
        return Refusal(400, f"expected 16 bytes in base64 as Sec-WebSocket-Key, found {key!r}")
    offer = headers.get("Sec-Websocket-Extensions") if compresses else None
    deflate = None if offer is None else negotiate_deflate(offer)
    return Handshake(key, deflate, choose_subprotocol(headers))


def _is_key(key: str) -> bool:
    try:
        return len(binascii.a2b_base64(key.encode(), strict_mode=True)) == _KEY_SIZE
    except ValueError:  # a binascii.Error or a UnicodeEncodeError is one
        return False


def encode_answer(handshake: Handshake) -> bytes:
    """The answer that opens the websocket."""
    digest = hashlib.sha1(handshake.key.encode() + _GUID).digest()  # noqa: S324 -- as RFC 6455 has it
    accept = binascii.b2a_base64(digest, newline=False)
    return b"%b%b%b\r\n\r\n" % (_SWITCHING, accept, _encode_choices(*handshake[1:]))


@lru_cache(64)
def _encode_choices(deflate: str | None, subprotocol: str | None) -> bytes:
    """The headers of an answer that depend on what was offered."""
    choices = {"Sec-Websocket-Extensions": deflate, "Sec-Websocket-Protocol": subprotocol}
    lines = [f"\r\n{name}: {value}" for name, value in choices.items() if value is not None]
    return "".join(lines).encode()
