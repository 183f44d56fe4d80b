"""Requests with exactly the headers that a test names, and raw ones."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from tests.server.frames import FrameReader
from tests.server.served import Served
from viewstream.protocol import Delta, encode

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(
    served: Served, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, str]:
    """A request with exactly these headers; returns status and sentence."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "application/json"
    answer = json.loads(response.read())
    connection.close()
    assert "\n" not in answer["error"]
    return response.status, answer["error"]


def a_delta(served: Served, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "view": "top10",
        "epoch": served.engine.epoch,
        "lower": 5,
        "upper": 5,
        "updates": [],
    }
    return encode(Delta(**{**fields, **changes}))


def closed_with(served: Served, query: str, headers: dict[str, str]) -> tuple[int, str]:
    """Open a websocket as a page does, and return the code and the reason of its close."""
    host = served.url.removeprefix("http://")
    sent = {"Host": host, "Origin": served.url, **UPGRADE, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    answer = raw_request(served, f"GET /view/stream{query} HTTP/1.1\r\n{lines}\r\n".encode())
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    reader = FrameReader()
    reader.feed(frames)
    assert reader.messages() == [], "nothing but the close"
    assert reader.closed_with is not None
    return reader.closed_with


def raw_request(served: Served, data: bytes) -> bytes:
    """Send exactly `data`; returns all that comes until the sentence is there."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as raw:
        raw.sendall(data)
        answer = b""
        while b"}" not in answer and (chunk := raw.recv(4096)):
            answer += chunk
    return answer
