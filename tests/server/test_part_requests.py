"""Parts of a view over HTTP: one syntax everywhere, and one clear refusal for each mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from websockets.exceptions import ConnectionClosedError

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served, get_rows
from tests.support.processes import wait_until
from viewstream.protocol import Delta, Status

ALICE = "top10[user=Alice]"


@pytest.fixture(scope="module")
def served(shared_engine: FakeEngine) -> Iterator[Served]:
    options = ["--part", "top10:user", "--max-parts", "8"]
    with Served(shared_engine, *options, views=("top10", "whole"), bounds=BOUNDS) as served:
        yield served


BOUNDS = {"hub": {"part_grace": 1_000}}


def get(served: Served, path: str, view: str, **headers: str) -> requests.Response:
    return requests.get(
        f"{served.url}{path}", params={"view": view}, headers=headers, timeout=20, stream=True
    )


@pytest.mark.parametrize(
    ("view", "status", "sentence"),
    [
        ("other[user=Alice]", 404, "no view 'other'; there are top10, whole"),
        ("whole[user=Alice]", 404, "the view 'whole' is not served in parts (--part)"),
        (
            "top10[count=12]",
            404,
            "the view 'top10' is served in parts by the values of 'user', not of 'count'",
        ),
        ("top10[user=Al ice]", 400, "expected a part of a view as VIEW[COLUMN=VALUE]"),
        ("top10[user=Alice", 400, "expected a part of a view as VIEW[COLUMN=VALUE]"),
        ("top10[]", 400, "expected a part of a view as VIEW[COLUMN=VALUE]"),
    ],
)
@pytest.mark.parametrize("way", ["stream", "events", "rows"])
def test_a_mistake_is_refused(
    way: str, view: str, status: int, sentence: str, served: Served
) -> None:
    if way == "stream":
        page = served.open(view, origin=served.url)
        with pytest.raises(ConnectionClosedError) as caught:
            page.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4000 + status
        assert caught.value.rcvd.reason.startswith(sentence[:100])
        return
    path = "/view/stream" if way == "events" else "/view/rows"
    with get(served, path, view, Accept="text/event-stream") as response:
        assert response.status_code == status
        assert response.json()["error"].startswith(sentence)


@pytest.mark.parametrize("way", ["stream", "events", "rows"])
def test_a_value_keeps_its_control_codes(way: str, engine: FakeEngine) -> None:
    """The engine is asked for it, whichever way it came."""
    value = "a\x01b\x1f \n\t\x7f"
    part = f"top10[user='{value}']"
    engine.rows = [(value, "1")]
    with Served(engine, "--part", "top10:user") as served:
        served.post(900, 1001)
        if way == "stream":
            found = served.open(part).base().view
        elif way == "events":
            with get(served, "/view/stream", part, Accept="*/*") as response:
                data = next(one for one in response.iter_lines() if one.startswith(b"data: "))
                found = json.loads(data[6:])["view"]
        else:
            answer = get_rows(f"{served.url}/view/rows", params={"view": part})
            assert answer.json() == [{"user": value, "count": 1}]
            return
        assert found == part


def test_any_spelling_is_one_part(served: Served) -> None:
    stream = served.open("top10[\"user\"='Alice']", ALICE.replace("Alice", "'Bob'"))
    bases = [stream.base(), stream.base()]
    assert {(base.view, *base.rows) for base in bases} == {
        (ALICE, ("Alice", "12")),
        ("top10[user=Bob]", ("Bob", "9")),
    }
    with pytest.raises(ConnectionClosedError, match=r"expected the view .* once"):
        served.open(ALICE, "top10[user='Alice']", origin=served.url).next()


def test_a_part_resumes_by_its_name_with_a_position(served: Served) -> None:
    stream = served.open("top10[user=a@b]")
    base = stream.base()
    assert base.rows == []
    again = served.open(f"top10[user=a@b]@{base.epoch}:{base.upper}")
    assert isinstance(again.next_rows(), Delta)


def test_rows_of_a_part(served: Served) -> None:
    response = get(served, "/view/rows", "top10[user='Alice']")
    assert response.json() == [{"user": "Alice", "count": 12}]
    again = get(served, "/view/rows", ALICE, **{"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert get(served, "/view/rows", "top10[user is null]").json() == []


def test_events_of_a_part_have_its_name_in_their_id(served: Served) -> None:
    with get(served, "/view/stream", ALICE, Accept="text/event-stream") as response:
        lines = response.iter_lines(decode_unicode=True)
        found = next(line for line in lines if line.startswith("id: top10"))
    assert found.startswith("id: top10%5Buser%3DAlice%5D@")


def test_a_mistake_among_several_views_does_not_end_the_others(served: Served) -> None:
    stream = served.open("top10", "top10[count=12]")
    sentence = "the view 'top10' is served in parts by the values of 'user', not of 'count'"
    assert stream.status("refused") == Status("top10[count=12]", "refused", sentence)
    assert stream.base().view == "top10"


def test_nothing_is_posted_to_a_part(served: Served) -> None:
    response = served.post(1, 2, view=ALICE)
    assert response.status_code == 404
    assert response.json()["error"] == f"no view '{ALICE}'; there are top10, whole"


def test_too_many_parts_are_refused_until_others_are_closed(
    engine: FakeEngine,
) -> None:
    options = ["--part", "top10:user", "--max-parts", "2"]
    with Served(engine, *options, bounds=BOUNDS) as served:
        first = served.open("top10[user=1]")
        first.base()
        served.open("top10[user=2]").base()
        sentence = "there are 2 parts of views already, which is the limit (--max-parts)"
        response = get(served, "/view/rows", "top10[user=3]")
        assert (response.status_code, response.json()["error"]) == (503, sentence)
        with pytest.raises(ConnectionClosedError, match="4503"):
            served.open("top10[user=3]", origin=served.url).next()
        assert served.health()["parts"] == 2
        first.connection.close()
        wait_until(lambda: get(served, "/view/rows", "top10[user=3]").ok, "room for a part")


def test_an_address_has_a_quarter_of_the_parts(engine: FakeEngine) -> None:
    """Another one still gets parts, and the first again after its clients have gone."""
    options = ["--part", "top10:user", "--max-parts", "8", "--proxy", "127.0.0.1"]
    a, b = ({"X-Forwarded-For": f"1.2.3.{n}"} for n in (4, 5))
    sentence = (
        "1.2.3.4 has 2 parts of views, a quarter of --max-parts; "
        "if it is a proxy, name it with --proxy"
    )
    with Served(engine, *options, bounds=BOUNDS) as served:
        first = served.open("top10[user=1]", additional_headers=a)
        first.base()
        served.open("top10[user=2]", additional_headers=a).base()
        served.open("top10[user=2]", "top10", additional_headers=a).base()
        with pytest.raises(ConnectionClosedError) as closed:
            served.open("top10[user=3]", origin=served.url, additional_headers=a).next()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, sentence)
        for path in ("/view/stream", "/view/rows", "/view/history"):
            answer = get(served, path, "top10[user=3]", Accept="text/event-stream", **a)
            assert (answer.status_code, answer.json()["error"]) == (429, sentence)
            assert answer.headers["Retry-After"] == "5"
        assert served.health()["parts"] == 2, "a refused part is not opened"
        served.open("top10[user=1]", "top10[user=3]", additional_headers=b).base()
        first.connection.close()
        wait_until(lambda: get(served, "/view/rows", "top10[user=4]", **a).ok, "room for a part")


def test_parts_that_are_only_read_count_until_they_are_closed(engine: FakeEngine) -> None:
    options = ["--part", "top10:user", "--max-parts", "8", "--proxy", "127.0.0.1"]
    headers = {"X-Forwarded-For": "2001:db8::1"}
    with Served(engine, *options) as served:
        for value in "12":
            assert get(served, "/view/rows", f"top10[user={value}]", **headers).ok
        another = {"X-Forwarded-For": "2001:db8::2"}
        assert get(served, "/view/rows", "top10[user=3]", **another).status_code == 429
        assert get(served, "/view/rows", "top10[user=2]", **another).ok, "it is open"


def test_one_client_has_a_quarter_of_the_parts_wherever_it_is(served: Served) -> None:
    """This machine has no limit by address, and more than a share can never be had."""
    names = [f"top10[user={n}]" for n in range(3)]
    with pytest.raises(ConnectionClosedError) as closed:
        served.open(*names, origin=served.url).next()
    assert closed.value.rcvd is not None
    sentence = "expected at most 2 parts of views, a quarter of --max-parts, found 3"
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4400, sentence)
    for name in names:
        served.open(name).base()
