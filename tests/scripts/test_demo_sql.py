"""The views of `sql/`, over events that are written by hand."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.sql_files.apply import apply
from scripts.sql_files.statements import FOLDER, WEBHOOK_FOLDER, WIKIS, read_statements
from scripts.text_query import text_query
from tests.support.processes import start_engine, wait_until


class Wikipedia:
    """An engine with the demo's views; `add` appends an event to its source."""

    def __init__(self, dsn: str, file: Path, offset: Path) -> None:
        self.dsn = dsn
        self._file = file
        self._offset = offset
        self._number = 0

    def add(self, user: str, title: str = "Oslo", *, age: float = 0, **fields: Any) -> None:
        self._number += 1
        event = {
            "id": self._number,
            "type": "edit",
            "namespace": 0,
            "title": title,
            "user": user,
            "timestamp": int(time.time() - age),
            "bot": False,
            "wiki": "enwiki",
            "server_name": "en.wikipedia.org",
            "length": {"old": 100, "new": 107},
            "revision": {"old": 1, "new": 70 + self._number},
            **fields,
        }
        with self._file.open("a") as file:
            file.write(f"data: {json.dumps(event)}\n")

    def rows(self, view: str, columns: str = "*") -> list[tuple[Any, ...]]:
        order = " ORDER BY 1, 2" if columns != "*" else ""
        query = f"SELECT {columns} FROM {view}{order}"
        return text_query(self.dsn, query)

    def until(self, view: str, columns: str, *rows: tuple[Any, ...]) -> None:
        """Wait until the view has the rows."""
        wait_until(
            lambda: self.rows(view, columns) == list(rows),
            f"{view} has {rows}",
        )

    def jump(self, *, minutes: int) -> None:
        """Let the engine's clock jump ahead to so many minutes from now."""
        self._offset.write_text(str(minutes * 60_000))


@pytest.fixture
def wikipedia(tmp_path: Path) -> Iterator[Wikipedia]:
    file = tmp_path / "recentchanges"
    file.touch()
    process, dsn = start_engine("--clock-offset-file", tmp_path / "offset")
    with process:
        statements = read_statements([FOLDER], {"source": str(file), "wikis": str(WIKIS)})
        apply(dsn, statements, wait=10)
        yield Wikipedia(dsn, file, tmp_path / "offset")


def test_rows_leave_the_views_of_the_last_minutes_by_themselves(wikipedia: Wikipedia) -> None:
    wikipedia.add("old", age=400)
    wikipedia.add("old", age=400)
    wikipedia.add("new")
    wikipedia.add("ancient", age=4_000)
    wikipedia.until("top10", '"user", count', ("ancient", "1"), ("new", "1"), ("old", "2"))
    wikipedia.until("top10_hour", '"user", count', ("new", "1"), ("old", "2"))
    wikipedia.until("top10_5min", '"user", count', ("new", "1"))
    wikipedia.until("edits_per_second", "edits, 0", ("1", "0"))
    wikipedia.until("latest_edits", '"user", title', ("new", "Oslo"))
    wikipedia.jump(minutes=6)
    for view in ("top10_5min", "edits_per_second", "latest_edits"):
        wikipedia.until(view, "*")
    wikipedia.until("top10_hour", '"user", count', ("new", "1"), ("old", "2"))
    wikipedia.jump(minutes=70)
    wikipedia.until("top10_hour", "*")
    wikipedia.until("counter", "*, 0", ("4", "0"))


def test_the_latest_edits_have_a_link_their_size_and_their_language(wikipedia: Wikipedia) -> None:
    wikipedia.add("Kari", "<b>Å</b>", wiki="nowiki", server_name="no.wikipedia.org")
    wikipedia.add("Q", type="new", length={"new": 9}, revision={"new": 3}, wiki="xxwiki", bot=None)
    wikipedia.add("nobody", type="log")
    wikipedia.until(
        "latest_edits",
        'id, title, "user", wiki, language, url, bytes, bot',
        (
            *("1", "<b>Å</b>", "Kari", "nowiki", "Norwegian Bokmål"),
            *("https://no.wikipedia.org/w/index.php?diff=71", "7", "f"),
        ),
        (
            *("2", "Oslo", "Q", "xxwiki", None),
            *("https://en.wikipedia.org/w/index.php?diff=3", "9", "f"),
        ),
    )


def test_only_the_latest_ten_edits_stay(wikipedia: Wikipedia) -> None:
    for _ in range(30):
        wikipedia.add("busy")
    wikipedia.until("latest_edits", "count(*), min(id)", ("10", "21"))


def test_people_bots_and_languages_are_parts_of_the_counter(wikipedia: Wikipedia) -> None:
    for wiki in ("dewiki", "dewiki", "dewiktionary", "commonswiki"):
        wikipedia.add("x", wiki=wiki, type="log")
    wikipedia.add("robot", bot=True)
    wikipedia.until("editors", "kind, edits", ("bots", "1"), ("people", "4"))
    wikipedia.until(
        "edits_by_language",
        "code, language, native, edits",
        ("de", "German", "Deutsch", "3"),
        ("en", "English", "English", "1"),
        ("mul", "Multilingual", "", "1"),
    )


def test_the_biggest_changes_are_additions_or_removals(wikipedia: Wikipedia) -> None:
    for change in (4_999, 5_000, -7_000, *range(6_000, 6_009)):
        wikipedia.add("x", length={"old": 10_000, "new": 10_000 + change})
    expected = [("3", "-7000"), *((str(4 + n), str(6_000 + n)) for n in range(9))]
    wikipedia.until("biggest_changes", "id, bytes", *expected)


def test_new_accounts_are_joined_with_their_edits_in_any_order(wikipedia: Wikipedia) -> None:
    log = {"type": "log", "log_type": "newusers"}
    wikipedia.add("early", "Before")
    wikipedia.add("early", "User:early", **log, log_action="create")
    wikipedia.add("late", "User:late", **log, log_action="create")
    wikipedia.add("silent", "User:silent", **log, log_action="create")
    wikipedia.add("known", "User:known", **log, log_action="autocreate")
    wikipedia.add("late", "After")
    wikipedia.add("known", "Other")
    rows = (("early", "Before"), ("late", "After"))
    wikipedia.until("new_accounts", '"user", title', *rows)


def test_a_war_needs_several_people_and_edits_of_one_article(wikipedia: Wikipedia) -> None:
    for user in ("a", "b", "a", "c"):
        wikipedia.add(user, "War")
        wikipedia.add("a", "Alone")
        wikipedia.add(user, "Talk:War", namespace=1)
        wikipedia.add(user, "By bots", bot=True)
    for user in ("a", "b", "a"):
        wikipedia.add(user, "Too few")
    war = ("enwiki", "War", "https://en.wikipedia.org/w/index.php?diff=83", "3", "4")
    wikipedia.until("edit_wars", "wiki, title, url, people, edits", war)
    wikipedia.jump(minutes=6)
    wikipedia.until("edit_wars", "*")


def test_each_file_says_what_it_shows_off() -> None:
    for file in FOLDER.glob("*.sql"):
        assert "\n-- " in f"\n{file.read_text('utf-8')}", file
        if int(file.name[:2]) not in range(10, 51) or file.name[:2] in ("15", "25"):
            assert "Shows off" in file.read_text("utf-8"), file


def test_the_wikis_without_a_file_are_those_of_the_file(wikipedia: Wikipedia) -> None:
    with WIKIS.open(encoding="utf-8", newline="") as file:
        _, *rows = map(tuple, csv.reader(file))
    assert len({row[0] for row in rows}) == len(rows)
    assert len({row[1] for row in rows if row[4] == "Wikipedia"}) > 200
    (view,) = read_statements([WEBHOOK_FOLDER / "15_wikis.sql"], {})
    as_table = view.sql.replace("VIEW IF NOT EXISTS wikis", "MATERIALIZED VIEW other_wikis")
    text_query(wikipedia.dsn, "CREATE DEFAULT INDEX ON wikis")
    wikipedia.until("wikis", "count(*), 0", (str(len(rows)), "0"))
    assert text_query(wikipedia.dsn, as_table, "SELECT * FROM other_wikis ORDER BY 1") == rows
    columns = "database, code, language, native, project"
    assert text_query(wikipedia.dsn, f"SELECT {columns} FROM wikis ORDER BY 1") == rows
