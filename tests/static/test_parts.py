"""The browser library follows parts of a view of a real server: together, and back in time."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.npm import TOOLS, system_node
from tests.support.processes import Process
from tests.support.reader_tokens import SECRET, make_token
from viewstream.protocol import Update

START, END = 1_001, 1_041
PLACES = ("Alice", "Bob")
# Several spellings name one part.
NAMES = ("top10[user=Alice]", "top10[\"user\"='Bob']")


def moves(time: int) -> list[Update]:
    """The row with the count 100 is in one place at each time, and in the other one at the next."""
    here, there = (PLACES[(time + n) % 2] for n in (0, 1))
    leave: list[Update] = [(time, -1, (there, "100"))] if time > START else []
    return [*leave, (time, 1, (here, "100")), (time, 1, ("Carol", str(time)))]


def test_a_row_that_moves_is_in_one_part_at_every_common_time(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(SECRET)
    options = ["--reader-key", str(tmp_path / "keys"), "--part", "top10:user"]
    token = make_token(views=None, parts={"top10": PLACES})
    with FakeEngine() as engine, Served(engine, *options) as served:
        served.post(900, START)
        script = TOOLS / "moving_row.mjs"
        with Process([system_node(), script, served.url, token, str(END), *NAMES]) as client:
            assert client.popen.stdout is not None
            assert client.popen.stdout.readline() == b"begun\n", client.stderr
            for time in range(START, END):
                served.post(time, time + 1, *moves(time))
            lines = [client.popen.stdout.readline() for _ in range(2)]
            assert lines[0] == b"begun\n", client.stderr
            found = json.loads(lines[1])
    assert set(found["first"]["moments"]) == {0, 1}
    assert set(found["first"]["looks"]) > {0, 1}, "it is in both parts while one is behind"
    truth = [[time, time % 2 == 0, time % 2 == 1] for time in range(START, END)]
    for one in ("first", "late"):
        past = [row for row in found[one]["past"] if row[0] >= START]
        assert past == truth, one
