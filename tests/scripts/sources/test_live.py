"""The live source against a server that speaks Wikimedia's protocol and cuts the line."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scripts.sources import live
from scripts.sources.append import Appender
from scripts.sources.generate import events as generated
from tests.support.event_stream import EventStream, serve
from viewstream import __version__

EVENTS = list(islice(generated(11, interval=0.4), 40))


class EnoughError(Exception):
    """Ends a source that would go on."""


def take(
    stream: EventStream, count: int, seen: live.Seen | None = None, **options: Any
) -> tuple[list[bytes], list[str], list[float]]:
    """Return the first `count` events, the reports, and the delays between connections."""
    reports: list[str] = []
    delays: list[float] = []
    found: list[bytes] = []
    following = live.events(
        stream.url,
        seen or live.Seen(),
        report=reports.append,
        sleep=delays.append,
        jitter=lambda low, high: high,
        **options,
    )
    for batch in following:
        found += batch
        if len(found) >= count:
            break
    following.close()
    return found, reports, delays


def test_the_stream_is_asked_for_as_wikimedia_demands() -> None:
    with serve(EventStream(EVENTS)) as stream:
        found, _, _ = take(stream, len(EVENTS), contact="https://example.org/me")
    assert found == EVENTS
    (request,) = stream.requests
    assert request["User-Agent"] == f"viewstream/{__version__} (https://example.org/me)"
    assert request["Accept"] == "text/event-stream"
    assert request["Accept-Encoding"] == "identity"
    assert "Last-Event-ID" not in request
    assert "since" not in request


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("overlap", [0, 3])
def test_cut_anywhere_again_and_again_nothing_is_missed_or_doubled(
    chunked: bool, overlap: int
) -> None:
    # Each connection lives a little longer than the last: the cuts fall on ids, data and breaks.
    plans: Sequence[int | None] = [*range(0, 9000, 251), None]
    with serve(EventStream(EVENTS, plans, overlap=overlap, chunked=chunked)) as stream:
        found, reports, _ = take(stream, len(EVENTS))
    assert found == EVENTS
    assert len(stream.requests) > 10
    assert len(reports) == len(stream.requests) - 1
    resumed = [
        request["Last-Event-ID"] for request in stream.requests if "Last-Event-ID" in request
    ]
    assert resumed[-1].startswith('[{"topic":"t","partition":0,"offset":')


def test_delays_grow_with_failures_and_begin_small_after_an_event() -> None:
    refusal: tuple[int, dict[str, str]] = (503, {})
    plans = [refusal, refusal, refusal, 3000, refusal, None]
    with serve(EventStream(EVENTS, plans)) as stream:
        _, reports, delays = take(stream, len(EVENTS))
    assert delays == [0.5, 1.0, 2.0, 0.5, 1.0]
    assert reports[0] == "the stream answers 503; connecting again in 0.5 s"


def test_the_server_says_when_to_come_back() -> None:
    with serve(EventStream(EVENTS, [(429, {"Retry-After": "7"}), 2000, None])) as stream:
        stream.preamble = b"retry: 3000\n\n"
        _, _, delays = take(stream, len(EVENTS))
    assert delays == [7.0, 3.0]


def test_a_server_that_is_away_is_asked_again() -> None:
    with serve(EventStream(EVENTS)) as stream:
        pass
    delays: list[float] = []

    def sleep(seconds: float) -> None:
        delays.append(seconds)
        if len(delays) == 9:
            raise EnoughError

    with pytest.raises(EnoughError):
        next(live.events(stream.url, live.Seen(), sleep=sleep, jitter=lambda low, high: high))
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_silence_counts_as_a_lost_connection() -> None:
    with serve(EventStream(EVENTS[:5])) as stream:

        def add_an_event(seconds: float) -> None:
            stream.events = EVENTS[:6]

        following = live.events(stream.url, live.Seen(), silence=0.3, sleep=add_an_event)
        found: list[bytes] = []
        while len(found) < 6:
            found += next(following)
        following.close()
    assert found == EVENTS[:6]
    assert len(stream.requests) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plans": [(403, {})]}, "the stream answers 403: .*; set VIEWSTREAM_CONTACT to a page"),
        ({"plans": [(404, {})]}, "the stream answers 404 Not Found"),
        ({"content_type": "text/html"}, "expected an event stream at .*, found text/html"),
    ],
)
def test_a_refusal_for_good_ends_the_source(options: dict[str, Any], message: str) -> None:
    with (
        serve(EventStream(EVENTS, **options)) as stream,
        pytest.raises(live.EndedError, match=message),
    ):
        take(stream, 1)


def test_a_new_process_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with Appender(path, 10**9) as appender:
        appender.append(EVENTS[:17])
    path.write_bytes(path.read_bytes()[:-300])  # it was killed within its last line
    with serve(EventStream(EVENTS)) as stream:
        found, _, _ = take(stream, len(EVENTS) - 16, live.read_seen(path))
    assert found == EVENTS[16:]
    last = datetime.fromisoformat(json.loads(EVENTS[15])["meta"]["dt"])
    since = datetime.fromisoformat(stream.requests[0]["since"])
    assert since == last - timedelta(seconds=live.REWIND)


def test_an_event_that_comes_late_is_not_missed() -> None:
    """Another data centre's events appear before those that were received already."""
    early, late, rest = EVENTS[:20], EVENTS[20:24], EVENTS[24:]
    stream = EventStream(early, [20_000, None], timed=True)
    with serve(stream):

        def arrive(seconds: float) -> None:
            stream.events = [*early[:15], *late, *early[15:], *rest]

        found: list[bytes] = []
        following = live.events(stream.url, live.Seen(), sleep=arrive)
        while len(found) < len(EVENTS):
            found += next(following)
        following.close()
    assert sorted(found) == sorted(EVENTS)
    assert len(stream.requests) == 2


def test_ids_and_times_are_rewound_and_what_is_none_stays() -> None:
    id_ = b'[{"topic":"a","partition":0,"timestamp":99000},{"topic":"b","offset":-1}]'
    assert live.rewind_id(id_, 15) == id_.replace(b"99000", b"84000")
    for other in (b"", b"17", b"[1]", b'[{"timestamp":"x"}]', b"\xff"):
        assert live.rewind_id(other, 15) == other
    assert live.rewind_time("2026-11-25T00:00:05Z", 15) == "2026-11-24T23:59:50Z"
    assert live.rewind_time("yesterday", 15) == "yesterday"


def test_a_contact_that_is_refused_is_not_asked_for_again() -> None:
    with (
        serve(EventStream(EVENTS, [(403, {})])) as stream,
        pytest.raises(live.EndedError, match="403: Wikimedia refuses this contact"),
    ):
        take(stream, 1, contact="me@example.org")


def test_other_events_and_signs_of_life_are_no_events() -> None:
    canary = EVENTS[0].replace(b'"domain":"', b'"domain":"canary","was":"', 1)
    with serve(EventStream([canary, *EVENTS[1:]])) as stream:
        stream.preamble = b"event: error\ndata: {}\n\n"
        found, _, _ = take(stream, len(EVENTS) - 1)
    assert found == EVENTS[1:]


def test_what_is_no_event_is_handed_on_to_be_counted() -> None:
    with serve(EventStream([b"nonsense", b"{}", b"nonsense"])) as stream:
        found, _, _ = take(stream, 3)
    assert found == [b"nonsense", b"{}", b"nonsense"]


def test_whether_the_stream_answers_is_known_in_time() -> None:
    with serve(EventStream(EVENTS)) as stream:
        assert live.find_problem(stream.url, 10.0) is None
    away = "Wikimedia cannot be reached (ConnectionError)"
    assert live.find_problem(stream.url, 30.0) == away
    with serve(EventStream([])) as silent:
        late = "Wikimedia did not answer within 1 s"
        assert live.find_problem(silent.url, 1.0) == late
    with serve(EventStream(EVENTS, [10], chunked=False)) as cut:
        assert live.find_problem(cut.url, 10.0) == "the stream ended without an event"
    with serve(EventStream(EVENTS, [(503, {})])) as busy:
        assert live.find_problem(busy.url, 10.0) == "the stream answers 503"


def test_ids_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_REMEMBERED", 10)
    seen = live.Seen()
    assert all(seen.is_new(event) for event in EVENTS)
    assert not seen.is_new(EVENTS[-1])
    assert seen.is_new(EVENTS[0])
