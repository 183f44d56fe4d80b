"""The running checksum, and what bases say about it."""

from __future__ import annotations

from server.framing import Message
from server.hub.audit import FIRST_PAUSE, LONGEST_PAUSE, Audit, Finding
from server.hub.log import Log
from viewstream.checksum import checksum
from viewstream.protocol import Delta, Row, encode

ALICE, BOB = ("Alice", "1"), ("Bob", "2")


def of(*rows: Row) -> int:
    return checksum((1, row) for row in rows)


class Scene:
    """A log whose rows are known, and an audit of it."""

    def __init__(self) -> None:
        self.log = Log(10, 0)
        self.audit = Audit()

    def add(self, row: Row) -> None:
        time = self.log.head
        updates = [(time, 1, row)]
        self.audit.add(updates)
        message = Message(encode(Delta("v", "1-u1", time, time + 1, updates)))
        self.log.append(time + 1, message, time)

    def base(self, upper: int, *rows: Row, now: int = 0) -> Finding:
        self.audit.note_base(upper, of(*rows))
        return self.audit.compare(self.log, now)


def test_the_first_base_gives_the_checksum() -> None:
    scene = Scene()
    assert scene.audit.checksum is None
    scene.add(ALICE)
    assert scene.base(10) is Finding.NOTHING
    assert scene.audit.checksum == of(ALICE)
    scene.add(BOB)
    assert scene.audit.checksum == of(ALICE, BOB)
    assert scene.base(11, ALICE) is Finding.AGREES
    assert scene.audit.compare(scene.log, 0) is Finding.NOTHING, "each base is compared once"
    assert scene.base(12, ALICE, BOB) is Finding.AGREES


def test_a_base_ahead_of_the_log_is_compared_when_the_log_reaches_it() -> None:
    scene = Scene()
    scene.base(10)
    assert scene.base(12, ALICE, BOB) is Finding.NOTHING
    scene.add(ALICE)
    assert scene.audit.compare(scene.log, 0) is Finding.NOTHING
    scene.add(BOB)
    assert scene.audit.compare(scene.log, 0) is Finding.AGREES


def test_a_base_below_the_log_is_not_compared() -> None:
    assert Scene().base(9, ALICE) is Finding.NOTHING


def test_repairs_become_rare_while_bases_keep_disagreeing() -> None:
    scene = Scene()
    scene.base(10)
    assert scene.base(10, ALICE, now=5) is Finding.REPAIR
    now, pause, repairs = 5, FIRST_PAUSE, []
    for _ in range(9):
        scene.audit.restart()
        scene.base(10)
        assert scene.base(10, ALICE, now=now + pause - 1) is Finding.DISAGREES
        assert scene.audit.checksum is None, "a checksum in doubt is sent to nobody"
        assert not scene.audit.is_repair_due(now + pause - 1)
        assert scene.audit.is_repair_due(now + pause)
        assert scene.base(10, ALICE, now=now + pause) is Finding.REPAIR
        now += pause
        repairs.append(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    assert repairs[:3] == [60_000, 120_000, 240_000]
    assert repairs[-1] == 3_600_000


def test_a_long_agreement_makes_repairs_quick_again() -> None:
    scene = Scene()
    scene.base(10)
    assert scene.base(10, ALICE, now=0) is Finding.REPAIR
    scene.audit.restart()
    scene.base(10)
    assert scene.base(10, ALICE, now=FIRST_PAUSE) is Finding.REPAIR
    scene.audit.restart()
    scene.base(10)
    assert scene.base(10, now=10 * FIRST_PAUSE) is Finding.AGREES
    assert scene.base(10, ALICE, now=10 * FIRST_PAUSE + 1) is Finding.REPAIR
    scene.audit.restart()
    scene.base(10)
    assert scene.base(10, ALICE, now=11 * FIRST_PAUSE + 1) is not Finding.DISAGREES
