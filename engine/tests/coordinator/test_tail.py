"""A TAIL: its sum is the SELECT at every closed time, however it began."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from engine.coordinator import END_OF_TIME
from engine.errors import SqlError
from engine.tests.coordinator.support import COUNTS, Engine, Tail, append, source_sql, wait_for
from engine.zset import ZSet


def as_zset(rows: list) -> ZSet:
    found: ZSet = {}
    for row in rows:
        found[row] = found.get(row, 0) + 1
    return found


def test_snapshot_then_changes_then_progress(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            first = await engine.peek("SELECT * FROM v")
            tail = await engine.tail("v", progress=True, as_of=first.time)
            assert await tail.until(first.time) == {("a", 2): 1, ("b", 1): 1}
            assert {row.time for row in tail.updates} == {first.time}
            append(words, "b")
            await wait_for(lambda: changed(tail), "the change")
            assert tail.sum(tail.got[-1].time) == {("a", 2): 1, ("b", 2): 1}
            tail.check_order()

    async def changed(tail: Tail) -> bool:
        await tail.read()
        return len(tail.updates) == 4

    asyncio.run(scenario())


def test_without_a_snapshot_only_what_is_later_comes(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            base = await engine.peek("SELECT * FROM v")
            tail = await engine.tail("v", snapshot=False, progress=True, as_of=base.time)
            append(words, "a", "c")
            while len(tail.updates) < 3:
                await tail.read()
            assert as_zset(base.rows) | {} == {("a", 2): 1, ("b", 1): 1}
            assert tail.sum(2**62) == {("a", 2): -1, ("a", 3): 1, ("c", 1): 1}
            assert min(row.time for row in tail.updates) > base.time

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["v", "plain", "s", COUNTS])
def test_sum_and_select_agree_at_every_closed_time(words: Path, what: str) -> None:
    """Also for a TAIL that began in the past, of whatever kind of relation."""

    async def scenario() -> None:
        chance = random.Random(what)
        async with Engine() as engine:
            await engine.run(
                source_sql(words),
                f"CREATE MATERIALIZED VIEW v AS {COUNTS}",
                f"CREATE VIEW plain AS {COUNTS}",
            )
            select = {"v": "SELECT * FROM v", "s": "SELECT * FROM s"}.get(what, COUNTS)
            base = (await engine.peek("SELECT * FROM v")).time
            tails = [await engine.tail(what, progress=True, as_of=base)]
            times = [base]
            for _ in range(12):
                append(words, *(chance.choice("abcde") for _ in range(chance.randrange(4))))
                await asyncio.sleep(chance.choice((0, 0.002, 0.02)))
                times.append(engine.coordinator.now)
                begin = chance.choice(times)
                tails.append(await engine.tail(what, progress=True, as_of=begin))
            for tail in tails:
                await tail.until(times[-1])
                tail.check_order()
                begin = tail.as_of
                for time in times:
                    if time >= begin:
                        at = await engine.peek(select, as_of=time)
                        assert at.time == time
                        assert tail.sum(time) == as_zset(at.rows)

    asyncio.run(scenario())


def test_a_resumed_tail_goes_on_where_the_other_ended(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            first = await engine.tail("v", progress=True)
            append(words, "x")
            while ("x", 1) not in first.sum(2**62):
                await first.read()
            frontier = first.got[-1].time
            assert first.got[-1].progressed
            first.subscription.close()
            append(words, "x", "y")
            second = await engine.tail("v", snapshot=False, progress=True, as_of=frontier - 1)
            while ("y", 1) not in second.sum(2**62):
                await second.read()
            total = first.sum(2**62)
            for row, diff in second.sum(2**62).items():
                total[row] = total.get(row, 0) + diff
            rows = await engine.rows("SELECT * FROM v")
            assert {row: n for row, n in total.items() if n} == as_zset(rows)

    asyncio.run(scenario())


def test_an_idle_tail_hears_of_every_tick(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=20) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            tail = await engine.tail("v", snapshot=False, progress=True)
            while len(tail.progress) < 5:
                await tail.read()
            assert not tail.updates
            tail.check_order()

    asyncio.run(scenario())


def test_the_first_progress_comes_at_once(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=60_000) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            await engine.peek("SELECT * FROM v")
            tail = await engine.tail("v", snapshot=False, progress=True)
            await tail.read()
            assert tail.progress == [engine.coordinator.now + 1]

    asyncio.run(scenario())


def test_without_progress_nothing_but_changes_comes(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            tail = await engine.tail("v")
            await tail.read()
            append(words, "z")
            await tail.read()
            assert tail.progress == []
            assert tail.sum(2**62) == {("a", 2): 1, ("b", 1): 1, ("z", 1): 1}

    asyncio.run(scenario())


def test_a_time_to_come_is_waited_for(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            begin = engine.coordinator.now + 300
            tail = await engine.tail("v", progress=True, as_of=begin)
            append(words, "later")
            assert ("later", 1) in await tail.until(begin)
            assert {row.time for row in tail.updates} == {begin}
            result = await engine.peek("SELECT * FROM v", as_of=engine.coordinator.now + 200)
            assert result.time <= engine.coordinator.now

    asyncio.run(scenario())


def test_a_constant_view_ends_by_itself() -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run("CREATE MATERIALIZED VIEW c AS SELECT 1 AS one")
            tail = await engine.tail("c", progress=True)
            assert await tail.to_end() == {(1,): 1}
            assert [(row.time, row.progressed) for row in tail.got] == [(END_OF_TIME, False)]
            silent = await engine.tail("c", progress=True, snapshot=False)
            await silent.to_end()
            assert silent.got == []
            assert (await engine.peek("SELECT * FROM c")).time == END_OF_TIME
            assert (await engine.peek("SELECT 1")).time == END_OF_TIME

    asyncio.run(scenario())


def test_a_file_that_is_not_followed_ends_the_tail(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                source_sql(words, tail=False), f"CREATE MATERIALIZED VIEW v AS {COUNTS}"
            )
            tail = await engine.tail("v", progress=True)
            assert await tail.to_end() == {("a", 2): 1, ("b", 1): 1}
            append(words, "more")
            result = await engine.peek("SELECT * FROM v")
            assert (result.time, len(result.rows)) == (END_OF_TIME, 2)
            plain = await engine.tail(COUNTS)
            assert await plain.to_end() == {("a", 2): 1, ("b", 1): 1}

    asyncio.run(scenario())


def test_times_before_the_window_are_refused(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(history_window=50, tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            old = (await engine.peek("SELECT * FROM v")).time
            engine.world.pass_time(1)

            async def is_gone() -> bool:
                try:
                    await engine.peek("SELECT * FROM v", as_of=old)
                except SqlError as error:
                    assert error.message.startswith(f"Timestamp ({old}) is not valid for all ")
                    return True
                return False

            await wait_for(is_gone, "the time is forgotten")
            for what in ("v", COUNTS):
                with pytest.raises(SqlError, match=rf"^Timestamp \({old}\) is not valid"):
                    await engine.tail(what, as_of=old)
            with pytest.raises(SqlError, match=r"^out of range integral type"):
                await engine.tail("v", as_of=-1)

    asyncio.run(scenario())


def test_a_reader_that_does_not_read_keeps_its_history_and_no_more(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(history_window=50, tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            slow = await engine.tail("v", progress=True)
            await slow.read()
            for number in range(20):
                append(words, f"w{number}")

                async def is_read(number: int = number) -> bool:
                    return len(await engine.rows("SELECT * FROM v")) == number + 3

                await wait_for(is_read, "the line")
            engine.world.pass_time(3600)
            await engine.ticks(5)
            expected = await engine.peek("SELECT * FROM v")
            times = {row.time for row in slow.updates}
            assert await slow.until(expected.time) == as_zset(expected.rows)
            assert len({row.time for row in slow.updates} - times) > 5

            async def is_forgotten() -> bool:
                return engine.history("v").updates == 0

            slow.subscription.close()
            engine.world.pass_time(3600)
            await wait_for(is_forgotten, "what nobody needs is forgotten")

    asyncio.run(scenario())


def test_a_reader_that_is_too_slow_is_told_so_and_the_others_go_on(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(history_window=50, tick=10, history_rows=50, tail_backlog=100) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            slow, quick = await engine.tail("v"), await engine.tail("v", progress=True)
            await slow.read()
            number = 0
            with pytest.raises(SqlError, match="TAIL of 'v' fell behind"):
                while True:
                    append(words, *(f"w{number + i}" for i in range(40)))
                    number += 40
                    await quick.read()
                    assert number < 100_000
                    assert engine.history("v").updates < 1000
                    if number > 1000:
                        await slow.read()
            expected = await engine.peek("SELECT * FROM v")
            assert await quick.until(expected.time) == as_zset(expected.rows)

    asyncio.run(scenario())


def test_stopping_the_engine_ends_every_tail(words: Path) -> None:
    async def scenario() -> None:
        engine = Engine()
        await engine.coordinator.start()
        await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
        tail = await engine.tail("v")
        await tail.read()
        waiting = asyncio.create_task(tail.read())
        await asyncio.sleep(0)
        await engine.coordinator.stop()
        with pytest.raises(SqlError, match="shutting down") as caught:
            await waiting
        assert caught.value.code == "57P01"
        await engine.coordinator.stop()

    asyncio.run(scenario())


def test_a_tail_of_a_query_waits_for_its_inputs_whatever_the_window(tmp_path: Path) -> None:
    """Its first rows are kept for it until the view that it reads is filled."""
    path = tmp_path / "words"
    path.write_text("".join(f"{number:07d}\n" for number in range(100_000)))

    async def scenario() -> None:
        async with Engine(history_window=1, tick=10) as engine:
            await engine.run(
                source_sql(path), "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s"
            )
            tail = await engine.tail("SELECT n + 1 AS n FROM v", progress=True)
            assert not tail.subscription.collection.is_complete
            while (100_001,) not in tail.sum(2**62):
                await tail.read()
            tail.check_order()

    asyncio.run(scenario())


def test_a_change_is_sent_at_once_and_not_with_the_next_progress(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=3_600_000) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            tail = await engine.tail("v")
            while len(tail.updates) < 2:
                await tail.read()
            append(words, "c")
            while len(tail.updates) < 3:
                assert await tail.read()
            assert tail.updates[-1].row == ("c", 1)

    asyncio.run(scenario())
