"""Negotiates permessage-deflate (RFC 7692) so that compressed messages can be shared.

A message is compressed once for all clients, with a fresh window of 32 KiB. A client can read it
if its own window is as large, and if the server may promise not to reuse a window.
"""

from __future__ import annotations

from functools import lru_cache

DEFLATE = "permessage-deflate"
_FLAGS = ("client_no_context_takeover", "server_no_context_takeover")
_SERVER_BITS = "server_max_window_bits"
_CLIENT_BITS = "client_max_window_bits"


@lru_cache(64)
def negotiate_deflate(header: str) -> str | None:
    """The answer to the first acceptable offer in a Sec-WebSocket-Extensions header, or None.

    The answer also asks the client not to keep a window of its own: clients send nothing, and each
    window would cost the server memory.
    """
    for offer in header.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == DEFLATE:
            answer = _answer(parameters)
            if answer is not None:
                return "; ".join([DEFLATE, *answer])
    return None


def _answer(parameters: list[str]) -> list[str] | None:
    answer = list(_FLAGS)
    seen = set()
    for parameter in parameters:
        name, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if name in seen:
            return None
        seen.add(name)
        if name == _SERVER_BITS:
            if value != "15":
                return None
            answer.append(f"{_SERVER_BITS}=15")
        elif name == _CLIENT_BITS:
            if equals and value not in {str(bits) for bits in range(8, 16)}:
                return None
        elif name not in _FLAGS or equals:
            return None
    return answer
