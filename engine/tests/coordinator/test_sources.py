"""File sources as SQL makes them: formats, compression, and files that change under them."""

from __future__ import annotations

import asyncio
import gzip
import os
from pathlib import Path

import pytest

from engine.coordinator import END_OF_TIME, graph, ticker
from engine.errors import SqlError
from engine.sources import FileReader
from engine.tests.coordinator.support import COUNTS, Engine, append, source_sql, wait_for

FORMATS = [
    ("FORMAT TEXT", "a,b\nc\n", "SELECT text, mz_line_no FROM s", [("a,b", 1), ("c", 2)]),
    ("FORMAT BYTES", "a\n", "SELECT data FROM s", [(b"a",)]),
    ("FORMAT REGEX '^(?P<x>\\w)=(?P<y>\\d)?'", "a=1\n-\nb=\n", "SELECT x, y, mz_line_no FROM s",
     [("a", "1", 1), ("b", None, 2)]),
    ("FORMAT CSV WITH 2 COLUMNS", 'a,"b,c"\nd\n', "SELECT column1, column2 FROM s", [("a", "b,c")]),
    ("FORMAT CSV WITH HEADER", "id,Name\n1,x\n", 'SELECT id, "Name" FROM s', [("1", "x")]),
    ("FORMAT CSV WITH 2 COLUMNS DELIMITED BY '|'", "a|b\n", "SELECT column2 FROM s", [("b",)]),
]  # fmt: skip


@pytest.mark.parametrize("tail", [True, False])
@pytest.mark.parametrize(("format", "content", "select", "rows"), FORMATS)
def test_formats(
    tmp_path: Path, format: str, content: str, select: str, rows: list, tail: bool
) -> None:
    path = tmp_path / "file"
    path.write_text(content)

    async def scenario() -> None:
        async with Engine() as engine:
            option = "WITH (tail = true) " if tail else ""
            await engine.run(f"CREATE MATERIALIZED SOURCE s FROM FILE '{path}' {option}{format}")
            result = await engine.peek(select + " ORDER BY mz_line_no")
            assert result.rows == rows
            assert (result.time == END_OF_TIME) is not tail

    asyncio.run(scenario())


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a,b\n")

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                f"CREATE MATERIALIZED SOURCE s (x, y) FROM FILE '{path}' FORMAT CSV WITH 2 COLUMNS"
            )
            assert await engine.rows("SELECT y, x, mz_line_no FROM s") == [("b", "a", 1)]
            with pytest.raises(SqlError, match="2 column names are given, expected 3"):
                await engine.run(
                    f"CREATE SOURCE u (x, y) FROM FILE '{path}' FORMAT CSV WITH 3 COLUMNS"
                )

    asyncio.run(scenario())


def test_a_compressed_file_is_read_once_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"".join(b"line %d\n" % number for number in range(50_000))))

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(
                f"CREATE SOURCE s FROM FILE '{path}' COMPRESSION GZIP FORMAT TEXT",
                "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s",
                "CREATE MATERIALIZED VIEW w AS SELECT text FROM s WHERE mz_line_no = 50000",
            )
            assert await engine.rows("SELECT * FROM v") == [(50_000,)]
            result = await engine.peek("SELECT * FROM w")
            assert (result.time, result.rows) == (END_OF_TIME, [("line 49999",)])

    asyncio.run(scenario())


async def file_state(engine: Engine) -> str:
    engine.world.skipped += 1
    rows = await engine.rows("SELECT file_state FROM mz_source_statistics")
    return str(rows[0][0]) if rows else ""


@pytest.mark.parametrize("tail", [True, False])
def test_a_file_that_was_cut_is_not_read_any_more(
    words: Path, caplog: pytest.LogCaptureFixture, tail: bool
) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            view = f"CREATE MATERIALIZED VIEW v AS {COUNTS}"
            await engine.run(source_sql(words, tail=tail), view)
            before = await engine.rows("SELECT * FROM v")
            os.truncate(words, 0)
            append(words, "b")

            async def is_noticed() -> bool:
                return await file_state(engine) == "truncated"

            await wait_for(is_noticed, "the engine notices")
            append(words, "xxxxx", "new")
            await engine.run(f"CREATE MATERIALIZED VIEW later AS {COUNTS}")
            for sql in ("SELECT * FROM later", f"{COUNTS} ORDER BY word"):
                with pytest.raises(SqlError, match="was truncated or rewritten after it was read"):
                    await engine.peek(sql, as_of=engine.coordinator.now)
            assert await engine.rows("SELECT * FROM v") == before
            await engine.run("DROP SOURCE s CASCADE", source_sql(words, tail=tail), view)
            assert len(await engine.rows("SELECT * FROM v")) == 3

    asyncio.run(scenario())
    assert caplog.text.count("was truncated or rewritten") == 1


def test_a_file_that_was_overwritten_and_is_longer_is_not_read_on(words: Path) -> None:
    """It was never seen shorter: truncated and written again between two looks."""

    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            append(words, "c")

            async def is_read() -> bool:
                return ("c", 1) in await engine.rows("SELECT * FROM v")

            await wait_for(is_read, "the last line")
            before = await engine.rows("SELECT * FROM v")
            with words.open("r+") as file:
                file.write("other\n" * 10)

            async def is_noticed() -> bool:
                return await file_state(engine) == "truncated"

            await wait_for(is_noticed, "the engine notices")
            with pytest.raises(SqlError, match="was truncated or rewritten after it was read"):
                await engine.peek(f"{COUNTS} ORDER BY word", as_of=engine.coordinator.now)
            assert await engine.rows("SELECT * FROM v") == before

    asyncio.run(scenario())


def rotate(path: Path) -> Path:
    """Rename the file and begin another one of its name, as log rotation does."""
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("other\n")
    return rotated


def test_a_file_that_was_replaced_is_read_on(words: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            await engine.rows("SELECT * FROM v")
            rotated = rotate(words)

            async def is_noticed() -> bool:
                return await file_state(engine) == "replaced"

            await wait_for(is_noticed, "the engine notices")
            append(rotated, "c")
            await engine.run(f"CREATE MATERIALIZED VIEW later AS {COUNTS}")

            async def are_equal() -> bool:
                rows = sorted(await engine.rows("SELECT * FROM v"))
                return rows == [("a", 2), ("b", 1), ("c", 1)] and rows == sorted(
                    await engine.rows("SELECT * FROM later")
                )

            await wait_for(are_equal, "both views read the file that was opened first")

    asyncio.run(scenario())
    assert caplog.text.count("was replaced") == 1


def test_a_line_that_comes_in_pieces_is_one_row(words: Path) -> None:
    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            tail = await engine.tail("v", snapshot=False, progress=True)
            for piece in "zäh\n".encode():
                with words.open("ab") as file:
                    file.write(bytes([piece]))
                await tail.until(engine.coordinator.now + 5)
            while not tail.updates:
                await tail.read()
            assert tail.sum(2**62) == {("zäh", 1): 1}

    asyncio.run(scenario())


def test_a_source_that_nobody_reads_is_left_alone(words: Path) -> None:
    async def scenario() -> None:
        async with Engine(tick=10) as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            await engine.rows("SELECT * FROM v")
            [source] = engine.coordinator._runtime.sources
            assert source.live is not None
            await engine.run("DROP VIEW v")

            async def rests() -> bool:
                return source.live is None

            await wait_for(rests, "its reader is given up")
            append(words, "meanwhile")
            await engine.run(f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            assert ("meanwhile", 1) in await engine.rows("SELECT * FROM v")
            assert source.live is not None

    asyncio.run(scenario())


PORTIONED = {
    "counts": COUNTS,
    "lines": "SELECT word, mz_line_no FROM s WHERE word <> 'w3'",
    "pairs": "SELECT s.word, t.mz_line_no FROM s JOIN s AS t ON s.mz_line_no = t.mz_line_no + 1",
    "few": f"SELECT * FROM ({COUNTS}) AS counts ORDER BY n DESC, word LIMIT 3",
}


@pytest.mark.parametrize("piece", [4, 2048])
def test_all_that_a_turn_reads_has_one_time(
    tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever portions it is read in, and however many of them make a step."""
    monkeypatch.setattr(ticker, "_READ_BYTES", 16)
    monkeypatch.setattr(ticker, "_LONG", 60)
    monkeypatch.setattr(graph, "PIECE_ROWS", piece)
    path = tmp_path / "file"
    append(path, "w0", "w1")

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(path))
            for name, sql in PORTIONED.items():
                await engine.run(f"CREATE MATERIALIZED VIEW {name} AS {sql}")
                await engine.rows(f"SELECT * FROM {name}")
            tails = {name: await engine.tail(name, progress=True) for name in PORTIONED}
            append(path, *(f"w{number % 7}" for number in range(100)))

            async def is_read() -> bool:
                return await engine.rows("SELECT count(*) FROM lines") == [(88,)]

            await wait_for(is_read, "the new lines")
            time = engine.coordinator.now
            for name, sql in PORTIONED.items():
                expected = await engine.rows(f"SELECT * FROM ({sql}) AS q", time)
                assert sorted((await tails[name].until(time)).items()) == sorted(
                    (row, 1) for row in expected
                )
                assert len({row.time for row in tails[name].got if row.diff}) == 2

    asyncio.run(scenario())


def test_a_large_file_delays_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "_READ_BYTES", 16)
    monkeypatch.setattr(ticker, "_MOST_ROWS", 1)
    long, short = tmp_path / "long", tmp_path / "short"
    for path in (long, short):
        path.touch()

    async def scenario() -> None:
        async with Engine() as engine:
            for path in (long, short):
                await engine.run(source_sql(path, name=path.name))
                await engine.run(
                    f"CREATE MATERIALIZED VIEW of_{path.name} AS SELECT word FROM {path.name}"
                )
                await engine.rows(f"SELECT * FROM of_{path.name}")
            start = engine.coordinator.now
            append(short, "x")
            append(long, *("y" * 100))

            async def is_read() -> bool:
                counts = "SELECT (SELECT count(*) FROM of_long), (SELECT count(*) FROM of_short)"
                return await engine.rows(counts) == [(100, 1)]

            await wait_for(is_read, "all lines")
            times_of_long = [time for time, _ in engine.history("of_long").after(start)]
            [time_of_short] = [time for time, _ in engine.history("of_short").after(start)]
            assert time_of_short <= times_of_long[1]
            assert len(times_of_long) > 5

    asyncio.run(scenario())


def test_a_file_that_cannot_be_read_for_a_while_loses_no_line(
    words: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticker, "_READ_BYTES", 16)
    monkeypatch.setattr(ticker, "_AFTER_A_DEFECT", 0.01)

    async def scenario() -> None:
        async with Engine() as engine:
            await engine.run(source_sql(words), f"CREATE MATERIALIZED VIEW v AS {COUNTS}")
            assert await engine.rows("SELECT * FROM v") == [("a", 2), ("b", 1)]
            read, reads = FileReader._bytes, 0

            def failing(reader: FileReader, most: int) -> bytes:
                nonlocal reads
                reads += 1
                if reads % 2 == 0:
                    raise OSError(5, "Input/output error")
                return read(reader, most)

            monkeypatch.setattr(FileReader, "_bytes", failing)
            append(words, *("ab" * 50))

            async def is_read() -> bool:
                return await engine.rows("SELECT * FROM v") == [("a", 52), ("b", 51)]

            await wait_for(is_read, "all lines")

    asyncio.run(scenario())
    assert "cannot read the file of s: [Errno 5] Input/output error" in caplog.text
    assert "a tick failed" not in caplog.text
