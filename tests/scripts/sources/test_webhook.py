"""Posting events to a scripted webhook: what Materialize answers, and connections that break."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from random import Random

import psycopg2
import pytest

from scripts.sources.append import FullError
from scripts.sources.strict import MAX_EVENT
from scripts.sources.webhook import MAX_BODY, Webhook, WebhookError
from scripts.sql_files.statements import WIKIS, read_statements, webhook_files
from tests.support.processes import Process, start_engine, wait_until
from tests.support.scripted_http import Answer, Request, ScriptedHttp

LIMIT = 2 * 10**9
PATH = "/api/webhook/materialize/public/wikimedia_posts"


def event(number: int, size: int = 0) -> bytes:
    return json.dumps(
        {"meta": {"id": str(number)}, "user": f"u{number % 3}", "x": "x" * size}
    ).encode()


class Materialize:
    """Takes events as a webhook source does: each line of a body is a row. `fault` comes first."""

    def __init__(self, fault: Callable[[Request], Answer | None] = lambda _: None) -> None:
        self.rows: list[str] = []
        self.largest = 0
        self._fault = fault

    def __call__(self, request: Request) -> Answer:
        assert (request.method, request.target) == ("POST", PATH)
        assert request.headers["content-type"] == "application/json"
        answer = self._fault(request)
        if answer is not None and answer.status != 200:
            return answer
        self.take(request)
        return Answer(200, b"")

    def take(self, request: Request) -> None:
        self.largest = max(self.largest, len(request.body))
        self.rows += [json.loads(line)["meta"]["id"] for line in request.body.splitlines()]


def faults(*answers: Answer | None) -> Callable[[Request], Answer | None]:
    following = itertools.chain(answers, itertools.repeat(None))
    return lambda _: next(following)


def post(materialize: Materialize, *batches: list[bytes]) -> tuple[Webhook, list[str], list[float]]:
    reported: list[str] = []
    waited: list[float] = []
    with (
        ScriptedHttp(materialize) as server,
        Webhook(server.url + PATH, LIMIT, report=reported.append, sleep=waited.append) as webhook,
    ):
        for batch in batches:
            webhook.append(batch)
    return webhook, reported, waited


def ids(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def test_a_batch_is_one_body_of_one_event_a_line() -> None:
    materialize = Materialize()
    webhook, reported, waited = post(materialize, [event(n) for n in range(5)], [event(5)])
    assert materialize.rows == ids(6)
    assert webhook.written == 6
    assert (reported, waited) == ([], [])


def test_an_event_with_line_breaks_is_one_line() -> None:
    materialize = Materialize()
    post(materialize, [b'{\n "meta":\r\n {"id": "7"}\n}\n'])
    assert materialize.rows == ["7"]


def test_no_body_is_larger_than_materialize_takes() -> None:
    materialize = Materialize()
    post(materialize, [event(n, 400_000) for n in range(30)])
    assert materialize.rows == ids(30)
    assert MAX_BODY / 2 < materialize.largest <= MAX_BODY < 5_000_000


def test_an_event_that_no_parser_would_read_is_left_out() -> None:
    materialize = Materialize()
    webhook, *_ = post(materialize, [event(0), b'{"a": NaN}', event(1), b"x" * (MAX_EVENT + 1)])
    assert materialize.rows == ids(2)
    assert webhook.refused == {"not JSON": 1, f"longer than {MAX_EVENT} bytes": 1}


@pytest.mark.parametrize("status", [404, 408, 429, 500, 502, 503, None])
def test_what_may_pass_is_posted_again(status: int | None) -> None:
    materialize = Materialize(faults(*[Answer(status, b"why")] * 3))
    webhook, reported, waited = post(materialize, [event(n) for n in range(3)], [event(3)])
    assert materialize.rows == ids(4)
    assert webhook.written == 4
    assert len(waited) == 3
    assert len(reported) == 2
    assert reported[-1] == "the webhook takes events again"


def test_delays_are_bounded() -> None:
    tries = 30
    materialize = Materialize(faults(*[Answer(503)] * tries))
    *_, waited = post(materialize, [event(0)])
    assert all(delay <= min(10, 0.1 * 2**n) for n, delay in enumerate(waited))
    assert max(waited[10:]) > 5
    later = Answer(429, b"", {"Retry-After": "100000"})
    *_, waited = post(Materialize(faults(*[later] * 5)), [event(0)])
    assert all(60 <= delay <= 70 for delay in waited)


@pytest.mark.parametrize("status", [400, 413])
def test_a_body_that_is_refused_is_halved_until_one_event_is_left_out(status: int) -> None:
    def refuse(request: Request) -> Answer | None:
        return Answer(status) if b'"id": "17"' in request.body else None

    materialize = Materialize(refuse)
    webhook, _, waited = post(materialize, [event(n) for n in range(64)])
    assert sorted(materialize.rows, key=int) == [one for one in ids(64) if one != "17"]
    assert (webhook.written, waited) == (63, [])
    assert webhook.refused == {f"refused by the webhook ({status})": 1}


@pytest.mark.parametrize("status", [301, 401, 403, 405, 415])
def test_a_refusal_for_good_ends_it(status: int) -> None:
    with pytest.raises(WebhookError, match=f"the webhook answered {status}: this is why"):
        post(Materialize(faults(Answer(status, b"this is why\nmore"))), [event(0)])


def test_it_stops_at_its_limit() -> None:
    materialize = Materialize()
    with ScriptedHttp(materialize) as server, Webhook(server.url + PATH, 1000) as webhook:
        with pytest.raises(FullError, match="1,000 bytes were posted"):
            for number in range(1000):
                webhook.append([event(number)])
        assert 900 < webhook.size <= 1000
    assert len(materialize.rows) == webhook.written


def test_an_answer_that_is_lost_may_double_events_and_never_loses_one() -> None:
    """Materialize may get an event twice; `sql/webhook/` removes duplicates."""
    random = Random(7)

    def break_off(request: Request) -> Answer | None:
        if random.random() < 0.3:
            if random.random() < 0.5:  # taken, but the answer is lost
                materialize.take(request)
            return Answer(None)
        return None

    materialize = Materialize(break_off)
    batches = [[event(10 * n + m) for m in range(10)] for n in range(40)]
    webhook, *_ = post(materialize, *batches)
    counts = Counter(materialize.rows)
    assert set(counts) == set(ids(400))
    assert max(counts.values()) > 1
    assert webhook.written == 400


def test_the_views_count_each_event_once() -> None:
    """`sql/webhook/` and the demo's views, over a table in the place of the webhook source."""
    source, *views = read_statements(webhook_files(), {"wikis": str(WIKIS)})
    assert "wikimedia_posts FROM WEBHOOK BODY FORMAT JSON" in source.sql
    engine, dsn = start_engine()
    with engine, closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE TABLE wikimedia_posts (body jsonb)")
        for view in views:
            cursor.execute(view.sql)
        posted = [event(number).decode() for number in [0, 1, 2, 3, 3, 0, 4]]
        for body in [*posted, '{"user":"no id"}', '{"user":"no id"}', '{"user":"another"}']:
            cursor.execute("INSERT INTO wikimedia_posts VALUES (%s)", (body,))
        cursor.execute("SELECT count FROM counter")
        assert cursor.fetchall() == [(7,)]
        cursor.execute('SELECT "user", count FROM top10 ORDER BY count DESC, "user"')
        assert cursor.fetchall() == [("u0", 2), ("u1", 2), ("another", 1), ("no id", 1), ("u2", 1)]


# As a command


def source(*arguments: str) -> Process:
    return Process([sys.executable, "-m", "scripts.sources", *arguments])


def test_generate_posts_to_a_webhook() -> None:
    seen: list[str] = []

    def take(request: Request) -> Answer:
        seen.extend(json.loads(line)["meta"]["id"] for line in request.body.splitlines())
        return Answer(200, b"")

    with ScriptedHttp(take) as server:
        url = server.url + PATH
        with source("generate", "--rate", "0", "--count", "2000", "--post", url) as process:
            assert process.wait() == 0
    assert len(set(seen)) == len(seen) == 2000
    assert process.stderr.startswith("source: 2,000 events posted, ")


def test_a_webhook_that_is_away_makes_the_source_wait() -> None:
    with ScriptedHttp(lambda _: Answer(503, b"away")) as server:
        url = server.url + PATH
        with source("generate", "--rate", "0", "--post", url) as process:
            wait_until(lambda: len(server.requests) > 2, "it tries again")
            assert len({request.body for request in server.requests}) == 1
            assert process.popen.poll() is None
    assert "source: the webhook answered 503: away; trying again\n" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate"], "one of the arguments FILE --post is required"),
        (["generate", "--post", "127.0.0.1:6876"], "expected an address such as http://"),
        (["generate", "--post", "http://127.0.0.1:9/x", "file"], "not allowed with argument"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], message: str) -> None:
    with source(*arguments) as process:
        assert process.wait() == 2
    assert message in process.stderr
