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
_KEY_LENGTH = 24
"""Of a key in base64."""
_KEY = "Sec-Websocket-Key"
_KEY_LINE = b"\r\nSec-WebSocket-Key: "
"""As every browser spells it. A head with another spelling is parsed like any other."""
HEADS = 128
"""Heads whose parse is kept: one for each page, browser and cookie that comes again and again."""
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-Websocket-Accept: "
)
_NOT_PLAIN = {"Content-Length", "Transfer-Encoding", "Expect"}
"""Headers of a request that has a body."""


NO_WEBSOCKET = Refusal(426, "expected a websocket, or Accept: text/event-stream")


class Handshake(NamedTuple):
    """A handshake that is in order, but for its key."""

    encoding: Encoding
    choices: bytes
    """The headers of the answer that depend on what was offered."""


class StreamRequest:
    """A request for /view/stream; its `handshake` is refused if it is for no websocket.

    Names of headers are as Tornado spells them. Clients of one page and browser usually share one
    object: it is parsed once, and what depends on nothing else may be decided once.
    """

    __slots__ = ("__weakref__", "arguments", "handshake", "headers")

    def __init__(
        self,
        arguments: Mapping[str, Sequence[str]],
        headers: Mapping[str, str],
        handshake: Handshake | Refusal = NO_WEBSOCKET,
    ) -> None:
        self.arguments = arguments
        self.headers = headers
        self.handshake = handshake


def parse_stream_request(head: bytes, *, compresses: bool) -> tuple[StreamRequest, bytes] | None:
    """Parse a plain request for a websocket; return it and its key.

    None for any other request, or a doubtful one. `compresses` allows permessage-deflate.
    """
    before, _, after = head.partition(_KEY_LINE)
    key = after[:_KEY_LENGTH]
    if after[_KEY_LENGTH : _KEY_LENGTH + 2] == b"\r\n" and refuse_key(key) is None:
        request = _parse_without_key(before + after[_KEY_LENGTH:], compresses=compresses)
        if request is not None:
            return request, key
    asked = _parse(head)
    if asked is None:
        return None
    arguments, headers = asked
    handshake = check_handshake(headers, "GET", "HTTP/1.1", compresses=compresses)
    return StreamRequest(arguments, headers, handshake), key_of(headers)


@lru_cache(HEADS)
def _parse_without_key(head: bytes, *, compresses: bool) -> StreamRequest | None:
    """Parse a head without its key; None if it is no such request, or has another key."""
    asked = _parse(head)
    if asked is None or _KEY in asked[1]:
        return None
    arguments, headers = asked
    handshake = _check_all_but_key(headers, "GET", "HTTP/1.1", compresses=compresses)
    return StreamRequest(arguments, headers, handshake)


def _parse(head: bytes) -> tuple[Mapping[str, Sequence[str]], Mapping[str, str]] | None:
    """Parse the arguments and headers of a plain request for a websocket; None for any other."""
    parsed = parse_head(head)
    if parsed is None or parsed.method != "GET":
        return None
    path, _, query = parsed.target.partition("?")
    headers = parsed.headers
    is_websocket = headers.get("Upgrade", "").lower() == "websocket"
    if path != "/view/stream" or not is_websocket or not _NOT_PLAIN.isdisjoint(headers):
        return None
    arguments = _parse_query(query)
    return None if arguments is None else (arguments, headers)


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
    handshake = _check_all_but_key(headers, method, version, compresses=compresses)
    if isinstance(handshake, Refusal):
        return handshake
    return refuse_key(key_of(headers)) or handshake


def _check_all_but_key(
    headers: Mapping[str, str], method: str, version: str, *, compresses: bool
) -> Handshake | Refusal:
    if headers.get("Upgrade", "").lower() != "websocket":
        return NO_WEBSOCKET
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
    offer = headers.get("Sec-Websocket-Extensions") if compresses else None
    deflate = None if offer is None else negotiate_deflate(offer)
    encoding = Encoding.FRAMES if deflate is None else Encoding.DEFLATED_FRAMES
    return Handshake(encoding, _encode_choices(deflate, choose_subprotocol(headers)))


def key_of(headers: Mapping[str, str]) -> bytes:
    """Return the key of a handshake, whatever it is; empty if there is none."""
    return headers.get(_KEY, "").encode(errors="replace")


def refuse_key(key: bytes) -> Refusal | None:
    """Allow the key of a handshake if it is one."""
    try:
        if len(binascii.a2b_base64(key, strict_mode=True)) == _KEY_SIZE:
            return None
    except binascii.Error:
        pass
    found = key.decode(errors="replace")
    return Refusal(400, f"expected 16 bytes in base64 as Sec-WebSocket-Key, found {found!r}")


def encode_answer(key: bytes, choices: bytes) -> bytes:
    """The answer that opens the websocket; `choices` are those of the handshake."""
    digest = hashlib.sha1(key + _GUID).digest()  # noqa: S324 -- as RFC 6455 has it
    return b"%b%b%b\r\n\r\n" % (_SWITCHING, binascii.b2a_base64(digest, newline=False), choices)


@lru_cache(64)
def _encode_choices(deflate: str | None, subprotocol: str | None) -> bytes:
    choices = {"Sec-Websocket-Extensions": deflate, "Sec-Websocket-Protocol": subprotocol}
    lines = [f"\r\n{name}: {value}" for name, value in choices.items() if value is not None]
    return "".join(lines).encode()
