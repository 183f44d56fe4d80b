"""The work for a change depends on the change, not on the size of the state.

Work is counted in function calls, of Python and of C, so the figures are exact and do not depend
on the machine. A loop over the state would be noticed: its body calls a function.
"""

import sys
import time
from types import FrameType
from typing import Any

import msgspec
import pytest

from engine.tests.support.events import events
from engine.tests.support.queries import Catalog, View
from engine.zset import ZSet

QUERIES = [
    "SELECT a + 1, upper(b) FROM t WHERE c > 5",
    "SELECT b, count(*), sum(c), avg(a) FROM t GROUP BY b",
    "SELECT a, min(c), max(c), count(DISTINCT b) FROM t GROUP BY a",
    "SELECT min(c), max(b), sum(a) FROM t",
    "SELECT DISTINCT a, b FROM t",
    "SELECT * FROM t ORDER BY c DESC, a LIMIT 10",
    "SELECT * FROM t ORDER BY c LIMIT 5 OFFSET 5",
    "SELECT DISTINCT ON (b) b, c FROM t ORDER BY b, c DESC",
    "SELECT t.a, u.d FROM t JOIN u ON t.a = u.a",
    "SELECT t.a, u.d FROM t LEFT JOIN u ON t.a = u.a AND u.d > t.c",
    "SELECT t.a, u.d FROM t FULL JOIN u ON t.a = u.a",
    "SELECT a FROM t EXCEPT ALL SELECT a FROM u",
    "SELECT a FROM t UNION SELECT a FROM u",
    "SELECT a FROM t INTERSECT ALL SELECT a FROM u",
    "SELECT * FROM t WHERE a IN (SELECT a FROM u WHERE d > 3)",
    "SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
    "SELECT a, (SELECT count(*) FROM u WHERE u.a = t.a) FROM t",
    "SELECT b, x.d FROM (SELECT DISTINCT a, b FROM t) AS g, "
    "LATERAL (SELECT d FROM u WHERE u.a = g.a ORDER BY d LIMIT 2) AS x",
    "SELECT b, count(*) FROM t WHERE mz_logical_timestamp() < c + 1000000 GROUP BY b",
    "SELECT v.a, n FROM (SELECT a, count(*) AS n FROM t GROUP BY a) AS v ORDER BY n DESC LIMIT 3",
]


def row(number: int) -> tuple[int, str, int]:
    return number, f"b{number}", number * 7919 % 100_003


def filled(sql: str, rows: int) -> View:
    view = View(Catalog(t="a int8, b text, c int8", u="a int8, d int8"), sql)
    slices: list[ZSet] = [
        {row(number): 1 for number in range(start, min(start + 500, rows))}
        for start in range(0, rows, 500)
    ]
    for change in slices:
        view.step(t=change, u={(a, c % 10): 1 for a, _, c in change})
    return view


def calls(view: View, rows: int) -> int:
    """The number of calls for a hundred changes of both tables, with inserts and deletes."""
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    steps: list[tuple[ZSet, ZSet]] = []
    for number in range(100):
        a, b, c = row(number * (rows // 100))
        steps.append(({(a, b, c): -1, (rows + number, "new", c): 1}, {(a, c % 10): -1, (a, 3): 1}))
    sys.setprofile(profile)
    try:
        for time, (t, u) in enumerate(steps, start=10_000):
            view.flow.step(time, view.catalog.by_id({"t": t, "u": u}))
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("sql", QUERIES)
def test_a_change_costs_the_same_however_large_the_state(sql: str) -> None:
    few, many = 1_000, 16_000
    less, more = calls(filled(sql, few), few), calls(filled(sql, many), many)
    assert more <= 1.5 * less, f"{less} calls with {few} rows, {more} with {many}"


VIEWS = {
    "counter": "SELECT count(*) AS count FROM changes",
    "useredits": 'SELECT "user", count(*) AS count FROM changes GROUP BY "user"',
    "top10": 'SELECT "user", count FROM useredits ORDER BY count DESC, "user" LIMIT 10',
}


def test_counting_events_by_a_field_costs_little_more_than_decoding_them() -> None:
    """Three views over generated events, against msgspec decoding the same lines whole.

    Both are measured in turns and in processor time; the least of each counts. The bound leaves
    room for a busy machine: what is measured is about 1.3.
    """
    lines = events(20_000)
    raw = [line.encode() for line in lines]
    batches: list[ZSet] = [
        {(line, start + at): 1 for at, line in enumerate(lines[start : start + 1000])}
        for start in range(0, len(lines), 1000)
    ]
    decoding, stepping = [], []
    for _ in range(3):
        start = time.process_time()
        for line in raw:
            msgspec.json.decode(line)
        decoding.append(time.process_time() - start)
        catalog = Catalog(source="data text, mz_line_no int8", useredits="user text, count int8")
        event = "SELECT data::jsonb ->> 'user' AS \"user\" FROM source"
        catalog.view("changes", event)
        views = {name: View(catalog, sql) for name, sql in VIEWS.items()}
        start = time.process_time()
        for batch in batches:
            views["counter"].step(source=batch)
            change = views["useredits"].step(source=batch)
            views["top10"].step(useredits=change)
        stepping.append(time.process_time() - start)
    assert views["counter"].contents == {(20_000,): 1}
    assert len(views["top10"].contents) == 10
    ratio = min(stepping) / min(decoding)
    assert ratio < 3, f"{min(stepping) / 20_000 * 1e6:.2f} us per event, {ratio:.2f} x decoding"
