"""GET /view/history: the changes before a position, exactly, as far back as the log reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.reader_tokens import SECRET, bearer, make_token

POSTS: list[tuple[int, int, list[tuple[int, int, tuple[str, str]]]]] = [
    (900, 1001, []),
    (1001, 1010, [(1005, -1, ("Bob", "9")), (1005, 1, ("Bob", "10"))]),
    (1010, 1020, []),
    (1020, 1030, [(1021, -1, ("Bob", "10")), (1029, 1, ("Bob", "11"))]),
]


def get(
    served: Served, before: str, since: object = 0, headers: dict[str, str] | None = None
) -> requests.Response:
    query = {"view": "top10", "before": before, "since": str(since)}
    url = f"{served.url}/view/history"
    return requests.get(url, params=query, headers=headers or {}, timeout=20)


def answer(served: Served, frontier: int, since: int = 0) -> dict[str, Any]:
    response = get(served, f"{served.engine.epoch}:{frontier}", since)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def updates(body: dict[str, Any]) -> list[Any]:
    return [update for delta in body["deltas"] for update in delta["updates"]]


@pytest.fixture
def posted(served: Served) -> Served:
    for lower, upper, changes in POSTS:
        served.post(lower, upper, *changes)
    return served


def test_all_changes_that_the_log_has_come(posted: Served) -> None:
    body = answer(posted, 1030)
    assert {name: body[name] for name in ("view", "epoch", "lower", "upper")} == {
        "view": "top10",
        "epoch": posted.engine.epoch,
        "lower": 900,
        "upper": 1030,
    }
    expected = [[*update[:2], list(update[2])] for *_, changes in POSTS for update in changes]
    assert updates(body) == expected


@pytest.mark.parametrize(
    ("frontier", "since", "lower", "count"),
    [
        (1030, 1020, 1020, 1),
        (1030, 1021, 1020, 1),
        (1030, 1019, 1010, 1),
        (1025, 1020, 1020, 1),
        (1020, 0, 900, 1),
        (1006, 1005, 1001, 1),
        (1001, 0, 900, 0),
        (900, 0, 900, 0),
        (5, 0, 5, 0),
        (1031, 0, 1031, 0),
    ],
)
def test_the_interval_is_whole_deltas(
    posted: Served, frontier: int, since: int, lower: int, count: int
) -> None:
    body = answer(posted, frontier, since)
    assert (body["lower"], body["upper"], len(body["deltas"])) == (lower, frontier, count)


def test_a_long_past_comes_in_several_answers(served: Served) -> None:
    """Each is bounded, and the next one begins where it ends."""
    for number in range(6):
        row = (f"{number}" * 150_000, "1")
        served.post(1000 + number, 1001 + number, (1000 + number, 1, row))
    upper, sizes = 1006, []
    rows: list[str] = []
    while (body := answer(served, upper))["lower"] < upper:
        upper = body["lower"]
        sizes.append(len(body["deltas"]))
        rows = [update[2][0][0] for update in updates(body)] + rows
    assert rows == list("012345")
    assert sizes == [2, 2, 2]
    assert upper == 1000


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("view=top10&since=0", "expected EPOCH:FRONTIER, found ''"),
        ("view=top10&before=1-u1&since=0", "expected EPOCH:FRONTIER"),
        ("view=top10&before=1-u1:5", "expected since=TIME, found ''"),
        ("view=top10&before=1-u1:5&since=-1", "expected since=TIME, found '-1'"),
        ("view=top10&before=1-u1:5&since=" + "9" * 17, "expected since=TIME"),
        ("before=1-u1:5&since=0", "expected one view: /view/history?view=NAME"),
    ],
)
def test_a_mistake_is_named(shared_server: Served, query: str, sentence: str) -> None:
    response = requests.get(f"{shared_server.url}/view/history?{query}", timeout=20)
    assert response.status_code == 400
    assert response.json()["error"].startswith(sentence)


def test_the_past_of_another_epoch_is_gone(posted: Served) -> None:
    response = get(posted, "1-u1:1030")
    assert response.status_code == 410
    assert "has no changes of the epoch '1-u1'" in response.json()["error"]


def test_it_is_read_as_the_view_is(engine: FakeEngine, tmp_path: Path) -> None:
    """A token for another view, or for a part, gives nothing of the view's past."""
    (tmp_path / "keys").write_text(SECRET)
    options = ["--reader-key", str(tmp_path / "keys"), "--part", "top10:user"]
    with Served(engine, *options) as served:
        served.post(900, 1001, (950, 1, ("Alice", "1")), (950, 1, ("Bob", "2")))
        before = f"{engine.epoch}:1001"
        assert get(served, before).status_code == 401
        other = bearer(make_token(views=["other"]))
        assert get(served, before, 0, other).status_code == 403
        part = bearer(make_token(views=None, parts={"top10": "Alice"}))
        assert get(served, before, 0, part).status_code == 403
        assert get(served, before, 0, bearer(make_token(views=["top10"]))).ok


def test_a_part_has_a_past_of_its_own(engine: FakeEngine) -> None:
    with Served(engine, "--part", "top10:user") as served:
        served.post(900, 1001)
        page = served.open("top10[user=Alice]")
        base = page.base()
        served.post(1001, 1010, (1005, 1, ("Alice", "13")), (1005, 1, ("Bob", "10")))
        page.next_rows()
        query = {"view": "top10[user=Alice]", "before": f"{base.epoch}:1010", "since": "0"}
        body = requests.get(f"{served.url}/view/history", params=query, timeout=20).json()
        assert updates(body) == [[1005, 1, ["Alice", "13"]]]


def test_pages_of_allowed_origins_may_read_it(engine: FakeEngine) -> None:
    with Served(engine, "--origin", "https://example.org") as served:
        served.post(900, 1001)
        before = f"{engine.epoch}:1001"
        found = get(served, before, 0, {"Origin": "https://example.org"})
        assert found.ok
        assert found.headers["Access-Control-Allow-Origin"] == "https://example.org"
        assert get(served, before, 0, {"Origin": "https://example.com"}).status_code == 403


def test_a_long_answer_is_compressed_for_clients_that_accept_it(served: Served) -> None:
    served.post(1000, 1001, (1000, 1, ("x" * 5_000, "1")))
    before = f"{served.engine.epoch}:1001"
    for encoding, expected in (("gzip, br", "gzip"), ("identity", None)):
        found = get(served, before, 0, {"Accept-Encoding": encoding})
        assert found.headers.get("Content-Encoding") == expected
        assert len(found.json()["deltas"]) == 1
        assert int(found.headers["Content-Length"]) < 500 or expected is None
