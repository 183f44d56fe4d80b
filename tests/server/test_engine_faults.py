"""The engine is away, late, wrong or replaced: the server stays up, reports it, and recovers."""

from __future__ import annotations

import threading
import time

import pytest

from scripts.ports import free_port
from tests.server.fake_engine import START, FakeEngine
from tests.server.posting import Pipeline
from tests.server.served import Served
from tests.support.processes import PATIENCE, wait_until
from tests.support.scripted_wire import TEXT, Session
from viewstream.protocol import Base


def test_a_view_that_cannot_be_read_is_said_and_read_again(engine: FakeEngine) -> None:
    engine.error = "Evaluation error: invalid input syntax for type jsonb: trailing characters"
    with Served(engine) as served:
        watcher = served.open()
        assert watcher.status("waiting", "the engine answers with an error")
        assert served.health()["problem"] == "the engine answers with an error"
        served.process.wait_for(r"the engine answers with an error \(.*invalid input syntax")
        assert served.get("/healthz")["status"] == "degraded"
        engine.error = None
        assert watcher.base() == engine.base("top10")
        served.post(1001, 1002)
        wait_until(lambda: served.get("/healthz")["status"] == "ok", "the server to be well")


def test_a_view_that_does_not_exist_yet_is_read_once_it_does(engine: FakeEngine) -> None:
    engine.is_known = False
    with Served(engine) as served:
        watcher = served.open()
        watcher.status("waiting", "unknown view 'top10'")
        engine.is_known = True
        assert watcher.base() == engine.base("top10")


def test_an_answer_that_nobody_expected_ends_only_the_read(engine: FakeEngine) -> None:
    engine.start = "no time at all"
    with Served(engine, views=("top10",)) as served:
        watcher = served.open()
        watcher.status("waiting", "makes no sense")
        engine.start = START
        engine.columns = [("user", TEXT)]  # rows of another width than was announced
        engine.rows = [("Alice",)]
        assert watcher.base().rows
        assert served.process.is_running


def test_a_plain_view_is_explained_in_one_sentence(engine: FakeEngine) -> None:
    engine.error = "unable to automatically determine a query timestamp"
    with Served(engine) as served:
        reason = "top10 is a plain view: make it materialized, or give it an index"
        assert served.open().status("waiting", reason).reason == reason


def test_one_query_asks_for_the_epochs_of_all_views(engine: FakeEngine) -> None:
    views = [f"v{n}" for n in range(40)]
    with Served(engine, views=tuple(views), bounds={"epoch_every": 0.1}) as served:

        def are_read() -> bool:
            return all(view["base_reads"] for view in served.get("/healthz")["views"].values())

        wait_until(are_read, "the bases")
        before = engine.epoch_queries
        statements = len(engine.statements)
        wait_until(lambda: engine.epoch_queries >= before + 5, "five rounds")
        asked = engine.statements[statements:]
        assert all(f"'{view}'" in statement for view in views for statement in asked)


def test_an_engine_that_goes_away_and_comes_back(engine: FakeEngine) -> None:
    with Served(engine) as served:
        early = served.open()
        early.base()
        served.post(1001, 1002)
        engine.is_known = True
        engine.lose_all()
        served.post(1002, 1003, (1002, 1, ("Eve", "1")))
        assert early.delta().upper in (1002, 1003)
        late = served.open()
        assert isinstance(late.next_rows(), Base)


def test_without_an_engine_clients_wait_and_posts_are_to_be_tried_again() -> None:
    port = free_port()
    with FakeEngine(port) as gone:
        pass
    with Served(gone) as served:
        watcher = served.open()
        watcher.status("waiting", "the engine does not answer")
        refused = served.post(1, 2)
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        assert "the epoch cannot be checked" in refused.json()["error"]
        with FakeEngine(port) as back:
            assert watcher.base() == back.base("top10")
            assert served.post(1001, 1002).status_code == 200


def test_a_query_that_hangs_fails_and_is_repeated(engine: FakeEngine) -> None:
    with Served(engine) as served:
        wait_until(lambda: served.health()["base_reads"] == 1, "the first read")
        engine.go_on.clear()
        served.post(1001, 1001)
        for n in range(10):  # enough for the kept base not to be worth sending again
            served.post(
                1001 + n, 1002 + n, *[(1001 + n, 1, ("x" * 900, str(i))) for i in range(20)]
            )
        engine.time = "1020"
        watcher = served.open()
        reason = watcher.next_rows()
        assert isinstance(reason, Base), "what is kept is sent when nothing better can be had"
        assert reason.upper == 1001
        assert "is not read within 5 s" in served.health()["problem"]
        engine.go_on.set()
        wait_until(lambda: served.health()["base_reads"] >= 2, "the engine to be asked again")
        assert "is not read" not in (served.health()["problem"] or "")


def test_the_engine_has_as_long_as_was_said(engine: FakeEngine) -> None:
    engine.go_on.clear()
    with Served(engine, "--engine-timeout", "1.5") as served:
        watcher = served.open()
        watcher.status("waiting", "is not read within 1.5 s")
        engine.go_on.set()
        assert watcher.base() == engine.base("top10")


class SlowEngine(FakeEngine):
    """Counts the questions that it works at, and answers none until `expected` have met."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.most = 0
        self._expected = expected
        self._counted = threading.Condition()
        self._at_once = 0

    def _answer(self, statement: str, session: Session) -> None:
        with self._counted:
            self._at_once += 1
            self.most = max(self.most, self._at_once)
            self._counted.notify_all()
            self._counted.wait_for(lambda: self.most >= self._expected, 4)
        time.sleep(0.02)  # so that more would meet
        with self._counted:
            self._at_once -= 1
        super()._answer(statement, session)


@pytest.mark.parametrize("most", [1, 2])
def test_the_engine_is_asked_as_many_questions_at_a_time_as_was_said(most: int) -> None:
    views = ("a", "b", "c")
    with (
        SlowEngine(most) as engine,
        Served(engine, bounds={"engine_connections": most}, views=views) as served,
    ):
        for view in views:
            assert served.open(view).base().view == view
        assert engine.most == most


def test_a_view_replaced_while_it_is_read_is_read_again(engine: FakeEngine) -> None:
    """The id before and after must be the same, else rows of one view go by another's name."""
    with Served(engine) as served:
        wait_until(lambda: served.health()["base_reads"] == 1, "the first read")
        engine.go_on.clear()
        engine.rows = [("of", "the old")]
        reads = engine.reads
        engine.id = "u8"  # a new view: the old base is dropped, and this one is read
        wait_until(lambda: served.health()["epoch"] == engine.epoch, "the new epoch")
        watcher = served.open()
        wait_until(lambda: engine.reads > reads, "the read to be under way")
        engine.id = "u9"
        engine.rows = [("of", "the new")]
        engine.go_on.set()
        base = watcher.base()
        if base.epoch != engine.epoch:
            base = watcher.base()
        assert base == engine.base("top10")


def test_a_restart_of_the_engine_ends_the_history(engine: FakeEngine) -> None:
    with Served(engine) as served:
        served.post(900, 1001)
        watcher = served.open()
        watcher.base()
        old = engine.epoch
        engine.start = "2026-11-22 21:00:00+00"
        engine.rows = [("Alice", "1")]
        base = watcher.base()
        assert base == engine.base("top10")
        watcher.status("stale", "the view was recreated")
        assert served.post(1001, 1002, epoch=old).status_code == 410


def test_an_audit_that_fails_gives_everybody_a_new_base(engine: FakeEngine) -> None:
    """Rows that the TAIL left out: the next base that is read shows it."""
    with Served(engine) as served:
        served.post(900, 1001)
        watcher = served.open()
        watcher.base()
        served.post(1001, 1010)
        assert watcher.delta().upper == 1010
        rows = [(1005, 1, (f"{n} that the engine does not know", "1")) for n in range(2000)]
        served.post(1010, 1020, *[(1015, diff, row) for _, diff, row in rows])
        assert watcher.delta().upper == 1020
        engine.time = "1019"
        engine.rows = [("the", "truth")]
        other = served.open()  # so much log lies above the kept base that another is read
        wait_until(lambda: served.health()["audit_mismatches"], "the audit to fail")
        engine.time = "1030"
        assert watcher.base() == engine.base("top10")
        while (base := other.base()) != engine.base("top10"):
            assert base.upper == 1020
        served.process.wait_for("a base is not what the TAIL came to")


def test_posts_go_on_while_a_base_is_read(engine: FakeEngine) -> None:
    with Served(engine) as served:
        served.post(900, 1001)
        early = served.open()
        early.base()
        engine.go_on.clear()
        engine.id = "u8"
        answers: list[int] = []
        poster = threading.Thread(
            target=lambda: answers.append(served.post(1001, 1002).status_code)
        )
        poster.start()
        poster.join(PATIENCE)
        assert answers == [200], "a POST of a new epoch waits for the epoch, not for the rows"


def test_a_tail_that_stands_still_is_noticed_though_nobody_needs_a_base(engine: FakeEngine) -> None:
    """Its empty deltas keep on coming: only the time of a SELECT can tell."""
    engine.time = "1000"
    with Served(engine, "--stale-after", "3") as served:
        pipeline = Pipeline(served)
        watcher = pipeline.open_live()
        engine.time = str(pipeline.head + 100_000)
        reason = "has been behind the engine for 3 s"
        pipeline.wait_until_stale(reason)
        watcher.status("stale", reason)
        served.post(pipeline.head, pipeline.head + 200_000)
        pipeline.head += 200_000
        pipeline.wait_until_live()


def test_a_frozen_engine_is_not_called_live_though_its_pipeline_is_there(
    engine: FakeEngine,
) -> None:
    engine.time = "1000"
    with Served(engine, "--stale-after", "3", "--engine-timeout", "1") as served:
        pipeline = Pipeline(served)
        watcher = pipeline.open_live()
        engine.thawed.clear()
        reason = "the engine does not answer"
        pipeline.wait_until_stale(reason)
        watcher.status("stale", reason)
        engine.thawed.set()
        pipeline.wait_until_live()


def test_rows_that_a_tail_left_out_are_found_though_nobody_needs_a_base(engine: FakeEngine) -> None:
    engine.time = "1000"
    with Served(engine, "--stale-after", "3") as served:
        served.post(900, 1001)
        watcher = served.open()
        watcher.base()
        engine.time = "1009"
        engine.rows = [("what", "TAIL did not say")]
        served.post(1001, 1010)

        def is_found() -> bool:
            head = served.health()["head"]
            served.post(head, head)
            return bool(served.health()["audit_mismatches"])

        wait_until(is_found, "the audit to fail")
        old = engine.base("top10")
        engine.time = "1030"
        assert watcher.delta().upper == 1010
        assert watcher.base() in (old, engine.base("top10"))
