"""`--reader-key`: where a request's token may be, what it opens, and how its end is reported."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scripts.child import ChildError
from tests.server.event_reader import EventReader
from tests.server.fake_engine import FakeEngine
from tests.server.requesting import closed_with
from tests.server.served import Served, Watcher, get_rows
from tests.support.processes import wait_until
from tests.support.reader_tokens import SECRET, bearer, make_token
from viewstream.protocol import Status

WRITER = "the-writers-token"
VIEWS = ("counter", "top10")


def start(engine: FakeEngine, folder: Path, *options: str) -> Served:
    file = folder / "reader.keys"
    file.write_text(SECRET)
    return Served(engine, "--reader-key", str(file), *options, views=VIEWS)


@pytest.fixture(scope="module")
def guarded(
    shared_engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("keys")
    options = ("--token", WRITER, "--reader-cookie", "session")
    with start(shared_engine, folder, *options) as served:
        for view in VIEWS:
            served.post(900, 1001, view=view, headers=bearer(WRITER))
        yield served


def get(served: Served, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    url = served.url + path.replace("{epoch}", served.engine.epoch)
    with get_rows(url, headers=headers, stream="stream" in path) as response:
        is_json = response.headers["Content-Type"] == "application/json"
        return response.status_code, response.json() if is_json else response.headers


def end_of(watcher: Watcher) -> tuple[int, str]:
    """Read to the end; the code and the reason of the server's close."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            watcher.next()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


READS = [
    "/view/rows?view=top10",
    "/view/history?view=top10&before={epoch}:1001&since=0",
    "/view/frontier?view=top10",
    "/view/stream?view=top10",
    "/about.json",
]


@pytest.mark.parametrize("path", READS)
def test_every_way_to_read_needs_a_token(guarded: Served, path: str) -> None:
    response = requests.get(guarded.url + path, headers={"Accept": "*/*"}, timeout=20)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json() == {"error": "expected a token: Authorization: Bearer TOKEN"}
    assert get(guarded, path, bearer(make_token(exp=1)))[1] == {"error": "the token has expired"}
    assert get(guarded, path, bearer(make_token()))[0] == 200


@pytest.mark.parametrize("path", [path for path in READS if "view=" in path])
def test_a_view_that_is_not_granted_is_refused_whether_it_exists_or_not(
    guarded: Served, path: str
) -> None:
    for view in ("counter", "nosuch"):
        found = get(guarded, path.replace("top10", view), bearer(make_token()))
        assert found == (403, {"error": f"the token does not grant the view {view!r}"})
    granted = bearer(make_token(views=["nosuch", "top10"]))
    found = get(guarded, path.replace("top10", "nosuch"), granted)
    assert found == (404, {"error": "no view 'nosuch'; there is top10"})


def test_the_writers_token_reads_positions_and_health_but_no_rows(guarded: Served) -> None:
    writer = bearer(WRITER)
    assert get(guarded, "/view/frontier?view=top10", writer)[1]["frontier"] == 1001
    assert get(guarded, "/view/rows?view=top10", writer)[0] == 401
    assert get(guarded, "/metrics", writer)[0] == 200
    assert set(get(guarded, "/healthz", writer)[1]["views"]) == set(VIEWS)


def test_health_has_no_names_without_a_token(guarded: Served) -> None:
    status, body = get(guarded, "/healthz")
    assert (status, set(body)) == (200, {"status"})
    assert set(get(guarded, "/healthz", bearer(make_token()))[1]["views"]) == {"top10"}


def test_metrics_need_a_grant_for_every_view(guarded: Served) -> None:
    assert get(guarded, "/metrics")[0] == 401
    assert get(guarded, "/metrics", bearer(make_token()))[0] == 403
    assert get(guarded, "/metrics", bearer(make_token(views="*")))[0] == 200


def test_files_need_no_token(guarded: Served) -> None:
    for path in ("/", "/viewstream/index.js"):
        assert requests.get(guarded.url + path, timeout=20).status_code == 200


def test_a_websocket_sends_its_token_in_a_header_or_as_a_subprotocol(guarded: Served) -> None:
    token = make_token()
    for options in (
        {"additional_headers": bearer(token)},
        {"subprotocols": ["viewstream", f"bearer.{token}"]},
        {"additional_headers": {"Cookie": f"a=b; session={token}"}},
    ):
        watcher = guarded.open("top10", **options)
        assert watcher.base().view == "top10"
        chosen = "viewstream" if "subprotocols" in options else None
        assert watcher.connection.subprotocol == chosen
    with pytest.raises(InvalidStatus) as refused:
        guarded.open("top10", subprotocols=["viewstream", "bearer.x"])
    assert refused.value.response.status_code == 401


def test_a_page_is_told_which_refusal_it_met(guarded: Served) -> None:
    expired = {"Sec-WebSocket-Protocol": f"viewstream, bearer.{make_token(exp=1)}"}
    assert closed_with(guarded, "?view=top10", expired) == (4401, "the token has expired")
    assert closed_with(guarded, "?view=top10", {})[0] == 4401
    other = {"Sec-WebSocket-Protocol": f"viewstream, bearer.{make_token(views=['x'])}"}
    reason = "the token does not grant the view 'top10'"
    assert closed_with(guarded, "?view=top10", other) == (4403, reason)


def test_one_view_that_is_not_granted_does_not_stop_the_others(guarded: Served) -> None:
    watcher = guarded.open("counter", "top10", additional_headers=bearer(make_token()))
    reason = "the token does not grant the view 'counter'"
    assert watcher.next() == Status("counter", "refused", reason)
    assert watcher.base().view == "top10"


def test_a_cookie_counts_only_for_pages_of_this_server(guarded: Served) -> None:
    cookie = {"Cookie": f"session={make_token()}"}
    path = "/view/rows?view=top10"
    assert get(guarded, path, cookie)[0] == 200
    assert get(guarded, path, {**cookie, "Sec-Fetch-Site": "same-origin"})[0] == 200
    for site in ("cross-site", "same-site"):
        assert get(guarded, path, {**cookie, "Sec-Fetch-Site": site})[0] == 401
    evil = {**cookie, "Origin": "http://evil.example"}
    assert get(guarded, path, evil)[0] == 403
    assert get(guarded, "/view/frontier?view=top10", evil)[0] == 401
    assert closed_with(guarded, "?view=top10", evil)[0] == 4403


def test_a_token_in_the_address_counts_for_nothing_and_is_in_no_log(guarded: Served) -> None:
    token = make_token()
    status, _ = get(guarded, f"/view/rows?view=top10&token={token}&access_token={token}")
    assert status == 401
    get(guarded, "/view/rows?view=nosuch", bearer(token))
    guarded.process.wait_for(r"refused GET '/view/rows' from 127\.0\.0\.1: 401")
    guarded.process.wait_for("403 the token does not grant the view 'nosuch'")
    assert token not in guarded.process.stderr
    assert token.split(".")[2] not in guarded.process.stderr


def test_a_token_where_none_belongs_is_in_no_answer_and_in_no_log(
    engine: FakeEngine, tmp_path: Path
) -> None:
    token = make_token(views="*")
    asked = bearer(token)
    with start(engine, tmp_path) as served:
        for path, headers in [
            (f"/view/{token}", {}),
            (f"/{token}", {}),
            (f"/view/rows?view={token}", asked),
            (f"/view/rows?view={token[:40]}", asked),
            (f"/view/rows?view={token.replace('.', '%2E')}", asked),
            (f"/view/rows?view=top10&format={token}", asked),
            (f"/view/stream?view={token}", {**asked, "Accept": "*/*"}),
            ("/view/rows?view=top10", {**asked, "Origin": f"https://{token}"}),
            ("/view/rows?view=top10", {**asked, "Host": token}),
        ]:
            answer = requests.get(served.url + path, headers=headers, timeout=20)
            assert answer.status_code >= 400
            assert token[:40] not in answer.text, path
        with pytest.raises(InvalidStatus):
            served.open(token, additional_headers=asked)
        served.process.wait_for(r"refused GET '/view/\[token\]' from 127\.0\.0\.1: 404")
        served.process.wait_for(r"no view '\[token\]'")
        assert token[:40] not in served.process.stderr


def test_an_empty_token_is_not_made_up_for_by_a_cookie(guarded: Served) -> None:
    cookie = {"Cookie": f"session={make_token()}"}
    for header in ("Bearer", "Bearer ", "Bearer x"):
        headers = {**cookie, "Authorization": header}
        assert get(guarded, "/view/rows?view=top10", headers)[0] == 401, header


def test_pages_of_allowed_origins_may_send_a_token(engine: FakeEngine, tmp_path: Path) -> None:
    origin = "https://example.org"
    with start(engine, tmp_path, "--origin", origin) as served:
        answer = requests.options(
            served.url + "/view/rows?view=top10", headers={"Origin": origin}, timeout=20
        )
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_programs_on_this_machine_see_health_and_positions_without_a_token(
    engine: FakeEngine, tmp_path: Path
) -> None:
    """They may post, too, since the server has no writer's token."""
    with start(engine, tmp_path) as served:
        served.post(900, 1001)
        assert set(get(served, "/healthz")[1]["views"]) == set(VIEWS)
        path = "/view/frontier?view=top10"
        assert get(served, path)[1]["frontier"] == 1001
        assert get(served, "/view/rows?view=top10")[0] == 401
        for header in ({"X-Forwarded-For": "1.2.3.4"}, {"Sec-Fetch-Site": "same-origin"}):
            assert get(served, path, header)[0] == 401
            assert set(get(served, "/healthz", header)[1]) == {"status"}


def test_a_part_is_granted_without_its_view(engine: FakeEngine, tmp_path: Path) -> None:
    engine.rows = [("Alice", "12"), ("Bob", "9")]
    with start(engine, tmp_path, "--part", "top10:user") as served:
        served.post(900, 1001)
        alice = bearer(make_token(views=None, parts={"top10": "Alice"}))
        watcher = served.open("top10[user=Alice]", "top10[user=Bob]", additional_headers=alice)
        reason = "the token does not grant 'top10[user=Bob]'"
        assert watcher.next() == Status("top10[user=Bob]", "refused", reason)
        assert [list(row) for row in watcher.base().rows] == [["Alice", "12"]]
        for name, status in [
            ("top10[user=Alice]", 200),
            ("top10[user='Alice']", 200),
            ("top10[user=Bob]", 403),
            ("top10[user is null]", 403),
            ("top10", 403),
        ]:
            answer = requests.get(
                served.url + "/view/rows", params={"view": name}, headers=alice, timeout=20
            )
            assert answer.status_code == status, name
        whole = bearer(make_token())
        path = "/view/rows?view=top10[user=Bob]"
        assert get(served, path, whole) == (200, [{"user": "Bob", "count": 9}])


def test_a_token_for_a_part_opens_nothing_else_on_any_path(
    engine: FakeEngine, tmp_path: Path
) -> None:
    """Though the other part is open, has a past, and is granted to somebody else."""
    with start(engine, tmp_path, "--part", "top10:user", "--token", WRITER) as served:
        served.post(900, 1001, headers=bearer(WRITER))
        served.open("top10[user=Bob]", additional_headers=bearer(make_token())).base()
        change = (1005, 1, ("Bob", "10"))
        served.post(1001, 1010, change, headers=bearer(WRITER))
        engine.time = "1009"
        token = make_token(views=None, parts={"top10": "Alice"})

        def ask(path: str, view: str) -> tuple[int, str]:
            query = {"view": view, "before": f"{engine.epoch}:1010", "since": "0"}
            headers = {**bearer(token), "Accept": "*/*"}
            with get_rows(served.url + path, params=query, headers=headers, stream=True) as answer:
                is_stream = answer.headers["Content-Type"] == "text/event-stream"
                return answer.status_code, "" if is_stream else answer.text

        reads = ("/view/stream", "/view/rows", "/view/history")
        for name, spelled in [
            ("'top10[user=Bob]'", "top10[user=Bob]"),
            ("'top10[user=Bob]'", "top10[\"user\"='Bob']"),
            ("'top10[user is null]'", "top10[user is null]"),
            ("the view 'top10'", "top10"),
        ]:
            sentence = f"the token does not grant {name}"
            for path in reads:
                status, text = ask(path, spelled)
                assert (status, json.loads(text)["error"]) == (403, sentence), path
            for path in ("/view/frontier", "/readyz"):
                assert ask(path, spelled)[0] == 403, path
        query = f"?view={quote('top10[user=Bob]')}"
        subprotocols = {"Sec-WebSocket-Protocol": f"viewstream, bearer.{token}"}
        sentence = "the token does not grant 'top10[user=Bob]'"
        assert closed_with(served, query, subprotocols) == (4403, sentence)
        for path in reads:  # the rows may be refused (503) while the engine is slow
            wait_until(lambda path=path: ask(path, "top10[user=Alice]")[0] == 200, path)
        assert "Bob" not in ask("/view/history", "top10[user=Alice]")[1]
        assert ask("/view/frontier", "top10[user=Alice]")[0] == 404, "nobody posts to a part"
        assert get(served, "/view/list", bearer(token))[1]["views"] == []
        assert get(served, "/healthz", bearer(token))[1]["views"] == {}
        assert get(served, "/metrics", bearer(token))[0] == 403


def test_a_websocket_is_closed_when_its_token_expires(engine: FakeEngine, tmp_path: Path) -> None:
    with start(engine, tmp_path) as served:
        served.post(900, 1001)
        lasting = served.open("top10", additional_headers=bearer(make_token()))
        ending = make_token(exp=int(time.time()) + 12)
        watcher = served.open("top10", additional_headers=bearer(ending))
        watcher.base()
        assert end_of(watcher) == (4440, "the token has expired")
        served.post(1001, 1002)
        lasting.base()
        assert lasting.delta().upper == 1002
        assert 'viewstream_disconnects_total{code="4440"' in served.metrics()


def test_an_event_stream_is_closed_when_its_token_expires(
    engine: FakeEngine, tmp_path: Path
) -> None:
    with start(engine, tmp_path) as served:
        served.post(900, 1001)
        token = make_token(exp=int(time.time()) + 12)
        reader = EventReader()
        response = requests.get(
            served.url + "/view/stream?view=top10",
            headers={**bearer(token), "Accept": "text/event-stream"},
            stream=True,
            timeout=20,
        )
        for chunk in response.iter_content(None):
            reader.feed(chunk)
        last = reader.events[-1]
        assert (last.type, last.data) == (
            "close",
            b'{"code":4440,"reason":"the token has expired"}',
        )


def test_keys_are_read_again_on_sighup(engine: FakeEngine, tmp_path: Path) -> None:
    new_secret = SECRET[::-1]
    new_token, old_token = make_token(new_secret), make_token()
    with start(engine, tmp_path) as served:
        served.post(900, 1001)

        def statuses() -> list[int]:
            tokens = (old_token, new_token)
            path = "/view/rows?view=top10"
            return [get(served, path, bearer(token))[0] for token in tokens]

        def write(text: str) -> None:
            (tmp_path / "reader.keys").write_text(text)
            served.process.send(signal.SIGHUP)

        old = served.open("top10", additional_headers=bearer(old_token))
        old.base()
        assert statuses() == [200, 401]
        write(f"{SECRET}\n{new_secret}\n")
        wait_until(lambda: statuses() == [200, 200], "both keys")
        new = served.open("top10", additional_headers=bearer(new_token))
        new.base()
        write("short")
        served.process.wait_for("kept what was read before: cannot use the reader keys in")
        assert statuses() == [200, 200]
        write(new_secret)
        wait_until(lambda: statuses() == [401, 200], "the new key alone")
        assert end_of(old) == (4401, "the token has been revoked")
        served.post(1001, 1002)
        assert new.delta().upper == 1002


def test_keys_that_cannot_be_used_end_the_start(engine: FakeEngine, tmp_path: Path) -> None:
    file = tmp_path / "reader.keys"
    file.write_text("s3cret")
    with pytest.raises(ChildError, match="expected a secret of at least 32 bytes, found 6"):
        Served(engine, "--reader-key", str(file))
