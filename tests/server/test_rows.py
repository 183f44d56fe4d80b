"""GET /view/rows: values, formats, entity tags, shared reads, and other origins."""

from __future__ import annotations

import concurrent.futures
import csv
import io
import json
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from server.http.table import SLICE, Format, Table
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until
from viewstream.protocol import Column

# --- the formats -----------------------------------------------------------------------------

VALUES: list[tuple[str, str | None, str]] = [
    ("int8", "9007199254740993", "9007199254740993"),
    ("int4", "-5", "-5"),
    ("numeric", "12345678901234567890.10", "12345678901234567890.10"),
    ("numeric", "NaN", '"NaN"'),
    ("float8", "1e-05", "1e-05"),
    ("float8", "-Infinity", '"-Infinity"'),
    ("oid", "16", "16"),
    ("bool", "t", "true"),
    ("bool", "f", "false"),
    ("jsonb", '{"a": 1.50,\n "b": [null]}', '{"a":1.50,"b":[null]}'),
    ("json", "not json", '"not json"'),
    ("text", "12", '"12"'),
    ("text", 'a"\\\n\u2028é', '"a\\"\\\\\\n\u2028é"'),
    ("timestamptz", "2020-01-02 01:04:05+00", '"2020-01-02 01:04:05+00"'),
    ("int8[]", "{1,2}", '"{1,2}"'),
    ("text", None, "null"),
]


@pytest.mark.parametrize(("type_", "text", "expected"), VALUES)
def test_a_value_is_json_of_its_type(type_: str, text: str | None, expected: str) -> None:
    table = Table([Column("v", type_)], [(text,)])
    assert table.encode(Format.NDJSON).decode() == f'{{"v":{expected}}}\n'
    assert table.encode(Format.JSON).decode() == f'[{{"v":{expected}}}]\n'
    json.loads(table.encode(Format.JSON), parse_float=Decimal)


def test_an_empty_table() -> None:
    table = Table([Column("a", "text")], [])
    assert table.encode(Format.JSON) == b"[]\n"
    assert table.encode(Format.NDJSON) == b""
    assert table.encode(Format.CSV) == b"a\r\n"


def test_csv_tells_null_from_an_empty_text() -> None:
    columns = [Column("a", "text"), Column('b "c"', "int8")]
    rows = [("x,y", "1"), ('q"', None), ("", "2"), (None, "3"), ("two\nlines", "4"), (" x", "5")]
    text = Table(columns, rows).encode(Format.CSV).decode()
    assert text == (
        'a,"b ""c"""\r\n"x,y",1\r\n"q""",\r\n"",2\r\n,3\r\n"two\nlines",4\r\n" x",5\r\n'
    )
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[1:] == [[value or "" for value in row] for row in rows]


def test_columns_of_one_name_are_told_apart() -> None:
    columns = [Column("a", "text"), Column("a", "int8"), Column("a_2", "text"), Column("a", "bool")]
    table = Table(columns, [("x", "1", "y", "t")])
    assert table.encode(Format.NDJSON) == b'{"a":"x","a_3":1,"a_2":"y","a_4":true}\n'
    assert table.encode(Format.CSV) == b"a,a_3,a_2,a_4\r\nx,1,y,t\r\n"


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE])
def test_slices_do_not_show(count: int) -> None:
    rows = [(str(n), "x") for n in range(count)]
    table = Table([Column("n", "int8"), Column("t", "text")], rows)
    expected = [{"n": n, "t": "x"} for n in range(count)]
    assert json.loads(table.encode(Format.JSON)) == expected
    assert list(map(json.loads, table.encode(Format.NDJSON).splitlines())) == expected
    assert len(table.encode(Format.CSV).splitlines()) == 1 + count


# --- a server --------------------------------------------------------------------------------


def get(served: Served, query: str = "?view=top10", **headers: str) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(f"{served.url}/view/rows{query}", headers=sent, timeout=20)


def test_rows_are_those_at_the_head(served: Served) -> None:
    served.post(900, 1001)
    answer = get(served)
    assert answer.json() == [{"user": "Alice", "count": 12}, {"user": "Bob", "count": 9}]
    assert answer.headers["ETag"] == f'"{served.engine.epoch}:1001"'
    assert answer.headers["Content-Type"] == "application/json"
    served.post(1001, 1010, (1005, -1, ("Bob", "9")), (1005, 2, ("Bob", "10")))
    answer = get(served)
    rows = [{"user": "Alice", "count": 12}, *[{"user": "Bob", "count": 10}] * 2]
    assert sorted(answer.json(), key=str) == sorted(rows, key=str)
    assert answer.headers["ETag"] == f'"{served.engine.epoch}:1010"'


FORMATS: list[tuple[str, str | None, str, bytes]] = [
    ("&format=ndjson", None, "application/x-ndjson", b'{"user":"Alice","count":12}\n'),
    ("&format=CSV", None, "text/csv; charset=utf-8; header=present", b"user,count\r\nAlice,12\r\n"),
    ("", "text/csv", "text/csv; charset=utf-8; header=present", b"user,count\r\n"),
    ("", "application/x-ndjson", "application/x-ndjson", b'{"user":"Alice"'),
    ("", "text/html, */*", "application/json", b'[{"user":"Alice","count":12},'),
    ("", "application/json, text/csv", "application/json", b"[{"),
    ("&format=json", "text/csv", "application/json", b"[{"),
]


@pytest.mark.parametrize(("query", "accept", "kind", "start"), FORMATS)
def test_a_client_chooses_the_format(
    shared_server: Served, query: str, accept: str | None, kind: str, start: bytes
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = get(shared_server, "?view=top10" + query, **headers)
    assert answer.headers["Content-Type"] == kind
    assert answer.content[: len(start)] == start
    assert "Accept" in answer.headers["Vary"]


def test_an_unchanged_position_is_304(served: Served) -> None:
    served.post(900, 1001)
    tag = get(served).headers["ETag"]
    for sent in (tag, f'"x", W/{tag}'):
        answer = get(served, If_None_Match=sent)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag
    served.post(1001, 1002)
    answer = get(served, If_None_Match=tag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{served.engine.epoch}:1002"'


def test_without_a_pipeline_the_tag_is_that_of_the_read(served: Served) -> None:
    tag = get(served).headers["ETag"]
    assert tag == f'"{served.engine.epoch}:1001"'
    assert get(served, If_None_Match=tag).status_code == 304


def test_clients_that_ask_together_share_one_read(engine: FakeEngine) -> None:
    options = ("--engine-timeout", "60", "--stale-after", "600")
    with Served(engine, *options) as served, concurrent.futures.ThreadPoolExecutor(8) as pool:
        wait_until(lambda: served.health()["base_reads"] == 1, "the first read")
        served.post(900, 1001)
        for n in range(1001, 1011):
            rows = [(f"{n} " + "x" * 900, str(i)) for i in range(20)]
            served.post(n, n + 1, *[(n, 1, row) for row in rows])
            engine.rows = [*engine.rows, *rows]
        engine.time = "1010"
        engine.go_on.clear()
        reads = engine.reads
        answers = [pool.submit(get, served) for _ in range(8)]
        wait_until(lambda: engine.reads == reads + 1, "the read to begin")
        engine.go_on.set()
        for answer in answers:
            assert answer.result().status_code == 200, answer.result().text
        tags = {answer.result().headers["ETag"] for answer in answers}
        assert tags == {f'"{engine.epoch}:1011"'}
        assert engine.reads == reads + 1


def test_a_view_that_cannot_be_read_is_said(engine: FakeEngine) -> None:
    engine.error = "it hurts"
    with Served(engine) as served:
        answer = get(served)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        sentence = "the view 'top10' cannot be read now: the engine answers with an error"
        assert answer.json() == {"error": sentence}
        engine.error = None
        wait_until(lambda: get(served).status_code == 200, "the view to be read")


REFUSALS: list[tuple[str, dict[str, str], int, str]] = [
    ("", {}, 400, "expected one view"),
    ("?view=a&view=b", {}, 400, "expected one view"),
    ("?view=nix", {}, 404, "no view 'nix'; there is top10"),
    ("?view=top10&format=xml", {}, 400, "expected format=json, ndjson or csv, found 'xml'"),
    ("?view=top10", {"Origin": "http://evil.example"}, 403, "the origin"),
    ("?view=top10", {"Host": "evil.example"}, 403, "the host"),
]


@pytest.mark.parametrize(("query", "headers", "status", "words"), REFUSALS)
def test_a_request_for_rows_is_refused(
    shared_server: Served, query: str, headers: dict[str, str], status: int, words: str
) -> None:
    answer = get(shared_server, query, **headers)
    assert (answer.status_code, answer.json()["error"][: len(words)]) == (status, words)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_large_view_goes_out_in_slices(engine: FakeEngine) -> None:
    """A client that reads nothing holds up nobody, and the body is whole for one that reads."""
    engine.rows = [(f"row {n} " + "x" * 200, str(n)) for n in range(40_000)]
    with Served(engine) as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 20) as idle:
            idle.sendall(f"GET /view/rows?view=top10 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert idle.recv(12) == b"HTTP/1.1 200"
            rows: list[dict[str, Any]] = get(served).json()
            assert [(row["user"], str(row["count"])) for row in rows] == engine.rows
        assert served.get("/healthz")["status"]


# --- other origins ---------------------------------------------------------------------------

READABLE = ["/view/rows?view=top10", "/view/frontier?view=top10", "/viewstream/index.js"]


def test_pages_of_allowed_origins_may_read(engine: FakeEngine) -> None:
    with Served(engine, "--origin", "https://example.org") as served:
        for path in READABLE:
            for origin, allowed in [("https://example.org", "https://example.org"), (None, None)]:
                headers = {} if origin is None else {"Origin": origin}
                answer = requests.get(served.url + path, headers=headers, timeout=20)
                assert answer.status_code == 200, path
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
                assert "Origin" in answer.headers["Vary"]
            other = requests.get(
                served.url + path, headers={"Origin": "https://example.com"}, timeout=20
            )
            assert "Access-Control-Allow-Origin" not in other.headers
        sentence = requests.get(
            served.url + "/view/rows?view=nix",
            headers={"Origin": "https://example.org"},
            timeout=20,
        )
        assert sentence.headers["Access-Control-Allow-Origin"] == "https://example.org"
        for path in ("/healthz", "/metrics", "/"):
            answer = requests.get(
                served.url + path, headers={"Origin": "https://example.org"}, timeout=20
            )
            assert "Access-Control-Allow-Origin" not in answer.headers, path
        preflight = requests.options(
            served.url + "/view/rows", headers={"Origin": "https://example.org"}, timeout=20
        )
        assert preflight.status_code == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://example.org"
        assert "If-None-Match" in preflight.headers["Access-Control-Allow-Headers"]


def test_the_policy_is_sent_with_our_own_pages_only(engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<script src='https://cdn.example/d3.js'></script>")
    with Served(engine) as served:
        answer = requests.get(served.url + "/", timeout=20)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    with Served(engine, "--static", str(tmp_path)) as served:
        answer = requests.get(served.url + "/", timeout=20)
        assert "cdn.example" in answer.text
        assert "Content-Security-Policy" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        library = requests.get(served.url + "/viewstream/index.js", timeout=20)
        assert "export" in library.text, "the library is there without a copy"
