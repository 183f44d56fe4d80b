"""Generated events: reproducible, of Wikimedia's shape, heavy-tailed and various."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scripts.sources.generate import events
from tests.support.shared import EVENTS, shared

SAMPLE = Path(__file__).parent / "data" / "recentchange.ndjson"


def taken(count: int, seed: int = 7) -> list[dict[str, Any]]:
    return [json.loads(event) for event in islice(events(seed), count)]


def shape(event: Any) -> Any:
    """The names and types of an event's fields, at each depth."""
    if isinstance(event, dict):
        return {name: shape(value) for name, value in event.items()}
    return type(event).__name__


def edits(path: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in read if event["type"] == "edit"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = list(islice(events(1), 3000))
    assert first == list(islice(events(1), 3000))
    assert first != list(islice(events(2), 3000))


@pytest.mark.parametrize("kind", ["sample", "real"])
def test_an_edit_has_exactly_the_fields_of_a_real_one(kind: str) -> None:
    shapes = [shape(event) for event in edits(SAMPLE if kind == "sample" else shared(EVENTS))]
    assert all(shape(event) in shapes for event in taken(500) if event["type"] == "edit")


def test_lines_are_of_the_size_of_real_ones() -> None:
    sizes = [len(event) for event in islice(events(3), 5000)]
    assert 900 < sum(sizes) / len(sizes) < 1200
    assert not any(b"\n" in event for event in islice(events(3), 5000))


def test_there_are_several_wikis_bots_scripts_and_all_types() -> None:
    found = taken(5000)
    assert len({event["wiki"] for event in found}) >= 8
    assert {event["type"] for event in found} == {"edit", "new", "log", "categorize"}
    assert {"newusers", "upload", "move"} <= {event.get("log_type") for event in found}
    assert 0.01 < sum(event["bot"] for event in found) / len(found) < 0.5
    widths = {len(character.encode()) for event in found for character in str(event)}
    assert widths == {1, 2, 3, 4}


def test_editors_are_heavy_tailed_and_new_ones_keep_coming() -> None:
    users = [event["user"] for event in taken(20_000)]
    counts = sorted(Counter(users).values(), reverse=True)
    assert sum(counts[:20]) > len(users) * 0.1
    assert sum(count == 1 for count in counts) > len(counts) * 0.3
    assert len(set(users[10_000:]) - set(users[:10_000])) > 1000


def test_the_busiest_change_places() -> None:
    users = [event["user"] for event in taken(40_000)]
    tops = [
        {user for user, _ in Counter(users[at : at + 10_000]).most_common(10)}
        for at in range(0, len(users), 10_000)
    ]
    assert any(top != tops[0] for top in tops)


def test_new_accounts_edit_soon_after_they_are_created() -> None:
    found = taken(5_000)
    created: dict[str, int] = {}
    edited = set()
    for number, event in enumerate(found):
        if event.get("log_action") == "create":
            assert event["title"] == f"User:{event['user']}"
            created.setdefault(event["user"], number)
        elif event["type"] == "edit" and event["user"] in created:
            edited.add(event["user"])
    assert len(created) > 20
    assert len(edited) > len(created) / 2


def test_a_few_people_edit_one_article_in_turn() -> None:
    edits = [event for event in taken(5_000) if event["type"] == "edit"]
    pages: dict[tuple[str, str], list[str]] = {}
    for event in edits:
        if event["namespace"] == 0 and not event["bot"]:
            pages.setdefault((event["wiki"], event["title"]), []).append(event["user"])
    wars = [people for people in pages.values() if len(people) >= 8]
    assert len(wars) >= 3
    assert all(len(set(people)) < len(people) for people in wars)


def test_a_few_changes_are_very_large_and_no_page_gets_less_than_nothing() -> None:
    sizes = [event["length"] for event in taken(5_000) if event["type"] == "edit"]
    assert all(size["old"] >= 0 and size["new"] >= 0 for size in sizes)
    large = [size["new"] - size["old"] for size in sizes if abs(size["new"] - size["old"]) >= 5_000]
    assert 0.002 < len(large) / len(sizes) < 0.05
    assert min(large) < 0 < max(large)


def test_names_are_hostile_at_times() -> None:
    names = {event[field] for event in taken(40_000) for field in ("title", "user")}
    assert {"<script>alert(1)</script>", "\u202egpj.exe", "\u00a0 \u3000", "tab\there"} <= names


def test_a_clock_gives_each_event_its_time() -> None:
    times = iter([1_000.5, 2_000.5, 2_001.0])
    found = [json.loads(event) for event in islice(events(1, clock=lambda: next(times)), 3)]
    assert [event["timestamp"] for event in found] == [1000, 2000, 2001]
    assert found[1]["meta"]["dt"] == "1970-01-01T00:33:20Z"


def test_ids_are_unique_and_times_advance_by_the_interval() -> None:
    found = [json.loads(event) for event in islice(events(1, start=1000.0, interval=0.5), 2000)]
    assert len({event["meta"]["id"] for event in found}) == 2000
    assert [found[0]["timestamp"], found[-1]["timestamp"]] == [1000, 1999]
