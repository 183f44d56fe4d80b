"""Which offer of permessage-deflate (RFC 7692) a client makes that the server can take.

Messages are deflated once for all clients, with a fresh window of 32 KiB: a client can take them
if its own window is as large, and if the server may say that it never goes on with an old one.
"""

from __future__ import annotations

_FLAGS = {"server_no_context_takeover", "client_no_context_takeover"}
_SERVER_BITS = "server_max_window_bits"
_CLIENT_BITS = "client_max_window_bits"


def choose(header: str) -> str | None:
    """The first acceptable offer of a Sec-WebSocket-Extensions header, as it is to be answered.

    None if there is none. The answer also asks the client not to keep a window of its own: clients
    send nothing, and each window would cost the server memory.
    """
    for offer in header.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == "permessage-deflate":
            answer = _answer(parameters)
            if answer is not None:
                return answer
    return None


def _answer(parameters: list[str]) -> str | None:
    answer = ["permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"]
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
    return "; ".join(answer)
