"""Refusals of posts: tokens, headers, bodies."""

from __future__ import annotations

import socket

import pytest

from tests.server.fake_engine import FakeEngine
from tests.server.requesting import a_delta, raw_request, request
from tests.server.served import JSON, Served

POST_REFUSALS: dict[str, tuple[dict[str, str], int, str]] = {
    "origin": ({"Origin": "http://127.0.0.1:8888"}, 403, "must not have the header Origin"),
    "null origin": ({"Origin": "null"}, 403, "must not have the header Origin"),
    "forwarded": ({"Forwarded": "for=1.2.3.4"}, 403, "must not have the header Forwarded"),
    "forwarded for": ({"X-Forwarded-For": "1.2.3.4"}, 403, "the header X-Forwarded-For"),
    "forwarded proto": ({"x-forwarded-proto": "https"}, 403, "the header X-Forwarded-Proto"),
    "via": ({"Via": "1.1 proxy"}, 403, "must not have the header Via"),
    "real ip": ({"X-Real-IP": "1.2.3.4"}, 403, "must not have the header X-Real-Ip"),
    "foreign host": ({"Host": "rebound.example"}, 403, "is not allowed: see --host"),
    "host that begins right": ({"Host": "127.0.0.1.evil.example"}, 403, "is not allowed"),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    "text": ({"Content-Type": "text/plain"}, 415, "expected the Content-Type application/json"),
}


@pytest.mark.parametrize("name", POST_REFUSALS)
def test_a_post_without_a_token_is_refused(shared_server: Served, name: str) -> None:
    headers, status, words = POST_REFUSALS[name]
    found = request(
        shared_server, "POST", "/view/deltas", {**JSON, **headers}, a_delta(shared_server)
    )
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]:5", "127.0.0.2"])
def test_a_post_to_any_name_of_this_machine_is_taken(shared_server: Served, host: str) -> None:
    response = shared_server.post(5, 5, headers={"Host": host})
    assert response.status_code == 200


BAD_BODIES = {
    "no json": (b"{", "expected a delta"),
    "no utf-8": (b'{"view":"\xff"}', "expected a delta"),
    "another message": (b'{"type":"status","view":"v","state":"live"}', "expected a delta"),
    "a number as value": (
        b'{"type":"delta","view":"top10","epoch":"1-u1","lower":1,"upper":3,"updates":[[1,1,[5]]]}',
        "expected a delta",
    ),
    "a time outside": (
        b'{"type":"delta","view":"top10","epoch":"1-u1","lower":1,"upper":3,"updates":[[3,1,[]]]}',
        "expected times from 1 to below 3",
    ),
    "no body": (b"", "expected a delta"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused(shared_server: Served, name: str) -> None:
    body, words = BAD_BODIES[name]
    status, sentence = request(shared_server, "POST", "/view/deltas", JSON, body)
    assert status == 400
    assert words in sentence


def test_a_post_of_http_1_0_needs_a_token(shared_server: Served) -> None:
    """A proxy that says nothing of itself: nginx, told no more than where to pass requests."""
    body = a_delta(shared_server)
    answer = raw_request(
        shared_server,
        b"POST /view/deltas HTTP/1.0\r\nHost: 127.0.0.1:8888\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    assert b" 403 " in answer.splitlines()[0]
    assert b"must be HTTP/1.1" in answer


def test_a_body_above_the_limit_is_refused_before_it_is_read(engine: FakeEngine) -> None:
    with Served(engine, "--max-body", "1K") as served:
        head = (
            f"POST /view/deltas HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON['Content-Type']}"
        )
        host, port = served.url.removeprefix("http://").split(":")
        lengths = ["Content-Length: 1025", f"Content-Length: {'9' * 5000}"]
        for framing in (*lengths, "Transfer-Encoding: chunked"):
            with socket.create_connection((host, int(port)), 20) as raw:
                raw.sendall(f"{head}\r\n{framing}\r\n\r\n".encode())
                if "chunked" in framing:
                    raw.sendall(b"800\r\n" + b" " * 0x800 + b"\r\n0\r\n\r\n")
                answer = b""
                while b"}" not in answer and (chunk := raw.recv(4096)):
                    answer += chunk
            assert answer.startswith(b"HTTP/1.1 413 "), answer
            assert b'{"error":"the body is larger than the limit of 1024 bytes"}' in answer
        assert served.post(5, 5).status_code == 200


def test_a_token_is_needed_when_there_is_one(engine: FakeEngine) -> None:
    with Served(engine, "--token", "s3cret") as served:
        for headers, words in [
            ({}, "expected a token"),
            ({"Authorization": "Basic s3cret"}, "expected a token"),
            ({"Authorization": "Bearer s3cre"}, "the token is wrong"),
            ({"Authorization": "Bearer s3crét"}, "the token is wrong"),
        ]:
            body = a_delta(served)
            found = request(served, "POST", "/view/deltas", {**JSON, **headers}, body)
            assert found[0] == 401
            assert words in found[1]
        right = {"Authorization": "Bearer s3cret", "X-Forwarded-For": "1.2.3.4"}
        assert served.post(5, 5, headers=right).status_code == 200
