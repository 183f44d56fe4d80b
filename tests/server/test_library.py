"""The client library's files as they are served."""

from __future__ import annotations

import requests

from server.options import STATIC
from tests.server.served import Served

FILE = STATIC / "viewstream" / "index.js"


def get(served: Served, **headers: str) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(f"{served.url}/viewstream/index.js", headers=sent, timeout=20)


def test_pages_get_the_code_without_comments(shared_server: Served) -> None:
    answer = get(shared_server, Accept_Encoding="identity")
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Type"] == "text/javascript"
    assert "export" in answer.text
    assert "/**" in FILE.read_text("utf-8")
    assert "/**" not in answer.text


def test_the_code_is_compressed_for_clients_that_take_that(shared_server: Served) -> None:
    plain = get(shared_server, Accept_Encoding="identity")
    answer = get(shared_server, Accept_Encoding="br, gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < len(plain.content) < FILE.stat().st_size
    assert answer.text == plain.text
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.headers["ETag"] == plain.headers["ETag"]


def test_code_that_a_page_has_is_not_sent_again(shared_server: Served) -> None:
    for encoding in ("gzip", "identity"):
        tag = get(shared_server, Accept_Encoding=encoding).headers["ETag"]
        answer = get(shared_server, Accept_Encoding=encoding, If_None_Match=tag)
        assert (answer.status_code, answer.content) == (304, b"")
        assert get(shared_server, If_None_Match='W/"other"').status_code == 200


def test_head_has_the_length(shared_server: Served) -> None:
    url = f"{shared_server.url}/viewstream/index.js"
    answer = requests.head(url, headers={"Accept-Encoding": "gzip"}, timeout=20)
    whole = get(shared_server, Accept_Encoding="gzip")
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"]
    assert answer.content == b""
