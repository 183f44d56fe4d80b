"""How long a poster waits between retries: a wait is injected, so no test of this waits."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from scripts.ports import free_port
from tests.support.scripted_http import Answer, ScriptedHttp
from viewstream.poster import TIMEOUTS, Poster, RefusedError
from viewstream.protocol import Position, ProtocolError

TRIES = 25
LONGEST_DELAY, LONGEST_RETRY_AFTER = 5.0, 60.0
"""As documented, and not as the module has them: a change of these is a change of behaviour."""


def delays(answer: Answer) -> list[float]:
    """Return the delays of a poster while the server gives this answer `TRIES` times."""
    waited: list[float] = []
    answers = itertools.chain([answer] * TRIES, itertools.repeat(Answer()))
    with ScriptedHttp(lambda _: next(answers)) as server:
        Poster(server.url, "v", sleep=waited.append).post(b"{}")
        assert len(server.requests) == TRIES + 1
    return waited


def test_delays_grow_at_random_and_are_bounded() -> None:
    waited = delays(Answer(503))
    assert len(waited) == TRIES
    assert all(delay <= min(LONGEST_DELAY, 0.1 * 2**n) for n, delay in enumerate(waited))
    late = waited[10:]  # all of these are drawn from 0 to the longest
    assert max(late) > LONGEST_DELAY / 2 > min(late)
    assert len(set(late)) == len(late)


def test_the_seconds_that_the_server_asks_for_are_added_to_the_delay() -> None:
    waited = delays(Answer(503, {}, {"Retry-After": "7"}))
    assert all(7 <= delay <= 7 + LONGEST_DELAY for delay in waited)


@pytest.mark.parametrize("seconds", ["61", "86400", "999999999"])
def test_a_server_cannot_send_a_poster_away_for_long(seconds: str) -> None:
    waited = delays(Answer(503, {}, {"Retry-After": seconds}))
    assert all(LONGEST_RETRY_AFTER <= delay <= 60 + LONGEST_DELAY for delay in waited)


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "inf", "9999999999"])
def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(value: str) -> None:
    assert max(delays(Answer(503, {}, {"Retry-After": value}))) <= LONGEST_DELAY


def test_delays_are_short_again_for_the_next_delta() -> None:
    waited: list[float] = []
    answers = itertools.chain(
        [Answer(503)] * 20, [Answer(), Answer(503)], itertools.repeat(Answer())
    )
    with ScriptedHttp(lambda _: next(answers)) as server:
        poster = Poster(server.url, "v", sleep=waited.append)
        poster.post(b"{}")
        poster.post(b"{}")
    assert len(waited) == 21
    assert waited[-1] <= 0.1


def test_each_reason_is_reported_once() -> None:
    reported: list[str] = []
    answers = iter(
        [*[Answer(503, {"error": "a"})] * 3, *[Answer(503, {"error": "b"})] * 3, Answer()]
    )
    with ScriptedHttp(lambda _: next(answers)) as server:
        Poster(server.url, "v", report=reported.append, sleep=lambda _: None).post(b"{}")
    assert reported == [
        "the server answered 503: a; trying again",
        "the server answered 503: b; trying again",
        "the server takes deltas again",
    ]


def test_a_delta_that_is_taken_at_once_is_not_reported() -> None:
    reported: list[str] = []
    with ScriptedHttp() as server:
        Poster(server.url, "v", report=reported.append).post(b"{}")
    assert reported == []


@pytest.mark.parametrize(
    ("status", "is_for_good"),
    [(400, True), (401, True), (403, True), (404, True), (410, False), (413, False), (415, True)],
)
def test_a_refusal_says_whether_a_new_start_can_help(status: int, is_for_good: bool) -> None:
    with ScriptedHttp(lambda _: Answer(status)) as server:
        with pytest.raises(RefusedError) as caught:
            Poster(server.url, "v", sleep=lambda _: None).post(b"{}")
        assert caught.value.is_for_good is is_for_good
        assert str(caught.value).startswith(f"the server answered {status}: ")
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, None])
def test_a_temporary_failure_is_retried(status: int | None) -> None:
    waited: list[float] = []
    answers = itertools.chain([Answer(status)] * 3, itertools.repeat(Answer()))
    with ScriptedHttp(lambda _: next(answers)) as server:
        Poster(server.url, "v", sleep=waited.append).post(b"{}")
    assert len(waited) == 3


@pytest.mark.parametrize(("token", "sent"), [("", None), ("secret", "Bearer secret")])
def test_a_token_is_sent_if_there_is_one(token: str, sent: str | None) -> None:
    with ScriptedHttp() as server:
        Poster(server.url, "v", token).post(b"{}")
        (request,) = server.requests
    assert request.headers.get("authorization") == sent


def test_no_request_waits_for_more_than_half_a_minute() -> None:
    assert TIMEOUTS == (5.0, 30.0)


def frontier_of(answer: Answer) -> Position | None:
    with ScriptedHttp(lambda _: answer) as server:
        return Poster(server.url, "v").frontier()


def test_the_frontier_is_a_position_or_none() -> None:
    assert frontier_of(Answer(200, {"epoch": "1-u1", "frontier": 7})) == Position("1-u1", 7)
    assert frontier_of(Answer(200, {"epoch": None, "frontier": None})) is None
    assert frontier_of(Answer(200, {"epoch": "1-u1", "frontier": None})) is None


def test_a_frontier_that_is_refused_or_invalid_is_an_error() -> None:
    with pytest.raises(RefusedError, match="the server answered 404: no such view"):
        frontier_of(Answer(404, {"error": "no such view"}))
    with pytest.raises(ProtocolError, match="expected an epoch and a frontier"):
        frontier_of(Answer(200, {"epoch": 1, "frontier": 7}))
    with pytest.raises(ProtocolError, match="expected an epoch such as"):
        frontier_of(Answer(200, {"epoch": "x", "frontier": 7}))


def test_neither_proxies_nor_netrc_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert frontier_of(Answer(200, {"epoch": "1-u1", "frontier": 7})) == Position("1-u1", 7)


@pytest.mark.parametrize(("bundle", "verify"), [(None, True), ("", True), ("/ca.pem", "/ca.pem")])
def test_certificates_are_verified(
    bundle: str | None, verify: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    if bundle is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    assert Poster("https://example.test", "v")._session.verify == verify


def test_a_server_that_does_not_answer_is_reported_in_plain_words() -> None:
    reported: list[str] = []
    port = free_port()
    with contextlib.ExitStack() as stack:

        def start_server(_: float) -> None:
            stack.enter_context(ScriptedHttp(port=port))

        poster = Poster(f"http://127.0.0.1:{port}", "v", report=reported.append, sleep=start_server)
        poster.post(b"{}")
    assert reported == [
        "the server does not answer: Connection refused; trying again",
        "the server takes deltas again",
    ]
