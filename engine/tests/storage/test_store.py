"""The store of a data folder: what it was told is there after any end of the process."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import SqlError
from engine.storage import SqliteStore, StoredItem, StoredUpdates
from engine.tests.support.processes import ROOT


def test_items_keep_their_order_and_ids(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    store.change_items([StoredItem("u1", "one"), StoredItem("u2", "two")], [], 2)
    store.change_items([StoredItem("u3", "three")], ["u1"], 3)
    store.close()
    store = SqliteStore(tmp_path / "data")
    assert store.items() == [StoredItem("u2", "two"), StoredItem("u3", "three")]
    assert store.last_id() == 3
    store.close()


def test_updates_come_back_by_time_and_go_with_their_table(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.change_items([StoredItem("u1", "t")], [], 1)
    row = ("tab\t, quote ' \" and \\ and 😀", None, "")
    store.append([StoredUpdates("u1", 5, [(2, row)]), StoredUpdates("u2", 5, [(1, ("x",))])])
    store.append([StoredUpdates("u1", 9, [(-1, row), (1, ("a", "b", "c"))])])
    assert list(store.updates("u1")) == [
        StoredUpdates("u1", 5, [(2, row)]),
        StoredUpdates("u1", 9, [(-1, row), (1, ("a", "b", "c"))]),
    ]
    store.change_items([], ["u1"], 1)
    assert list(store.updates("u1")) == []
    assert len(list(store.updates("u2"))) == 1
    store.close()


def test_compaction_sums_up_the_past_and_leaves_the_rest(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    for time, diff, value in [(1, 1, "a"), (2, 1, "b"), (3, -1, "a"), (4, 1, "b"), (5, 1, "c")]:
        store.append([StoredUpdates("u1", time, [(diff, (value,))])])
    store.compact("u1", 4)
    assert list(store.updates("u1")) == [
        StoredUpdates("u1", 4, [(2, ("b",))]),
        StoredUpdates("u1", 5, [(1, ("c",))]),
    ]
    store.close()


def test_a_folder_serves_one_engine_at_a_time(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with pytest.raises(SqlError, match="is in use by another engine"):
        SqliteStore(tmp_path)
    store.close()
    SqliteStore(tmp_path).close()


def test_another_layout_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "engine.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SqlError, match="its layout is number 99, expected 1"):
        SqliteStore(tmp_path)
    with pytest.raises(SqlError, match="cannot be used"):
        SqliteStore(Path("/dev/null/folder"))


def test_a_full_disk_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.change_items([StoredItem("u1", "one")], [], 1)
    [(pages,)] = store._database.execute("PRAGMA page_count")
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    rows = [(1, ("x" * 1000,))] * 100
    with pytest.raises(SqlError, match=r"could not write to the data folder: .* full"):
        store.append([StoredUpdates("u1", 1, rows)])
    assert list(store.updates("u1")) == []
    store._database.execute(f"PRAGMA max_page_count = {pages + 1000}")
    store.append([StoredUpdates("u1", 1, rows)])
    assert len(list(store.updates("u1"))) == 1
    store.close()


_WRITER = """
import sys
from pathlib import Path
from engine.storage import SqliteStore, StoredItem, StoredUpdates
from engine.tests.support.processes import ROOT

store = SqliteStore(Path(sys.argv[1]))
begin = store.last_id()
for number in range(begin + 1, begin + 100_000):
    store.change_items([StoredItem(f"u{number}", "x")], [f"u{number - 1}"], number)
    pair = [(1, (str(number),)), (1, (str(-number),))]
    store.append([StoredUpdates(f"u{number}", number, pair)])
    store.reserve_time(number)
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_whole_changes_only(tmp_path: Path) -> None:
    chance = random.Random(7)
    told = 0
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 40)):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = max([told, *map(int, writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        store = SqliteStore(tmp_path)
        [item] = store.items()
        number = store.last_id()
        assert item.id == f"u{number}"
        assert told <= number <= told + 1
        assert store.time_bound() in (number - 1, number) or store.time_bound() == told
        rows = [row for stored in store.updates(item.id) for _, row in stored.updates]
        assert rows in ([], [(str(number),), (str(-number),)])
        if number == told:
            assert rows
        store.close()
