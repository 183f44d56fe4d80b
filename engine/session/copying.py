"""COPY in both directions: rows sent in a format, or received and converted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from engine.coordinator import Coordinator, CopiedRows
from engine.delimited import CsvReader, TextReader
from engine.errors import SqlError
from engine.pgwire import backend, copy_format, messages
from engine.relation import Column
from engine.session import encode
from engine.session.change_text import ChangeText
from engine.session.peer import Peer
from engine.session.plan import CopyFromPlan
from engine.session.portal import Portal
from engine.session.reading import Reading
from engine.session.rows import Rows, TailRows
from engine.sql.statements import CopyFormat
from engine.zset import Row, ZSet

MAX_BYTES = 256 * 1024 * 1024
"""Limit of one COPY: its rows become visible together, so they are in memory together."""


class CopyOut:
    """Sends the rows of a portal as a COPY, from CopyOutResponse to CopyDone."""

    def __init__(self, reading: Reading, peer: Peer) -> None:
        self._reading = reading
        self._peer = peer

    async def send(
        self, portal: Portal, rows: Rows, columns: tuple[Column, ...], form: CopyFormat
    ) -> int:
        """Send all rows; returns their number."""
        binary = form.kind == "binary"
        self._peer.write(backend.copy_out_response(len(columns), binary=binary))
        if binary:
            encoder = _with_head(copy_format.BINARY_HEADER, encode.copy_binary_rows(columns))
            count = await self._reading.stream(portal, rows, encoder)
            head = b"" if count else copy_format.BINARY_HEADER
            self._peer.write(backend.copy_data(head + copy_format.BINARY_TRAILER))
        elif isinstance(rows, TailRows) and form == CopyFormat():
            text = ChangeText(rows.columns, progress=rows.progress)
            count = await self._reading.stream_changes(portal, rows, text)
        else:
            if form.header:
                names = [column.name for column in columns]
                self._peer.write(backend.copy_data(copy_format.csv_row(names, form.dialect)))
            encoder = encode.copy_text_rows(columns, _row_writer(form))
            count = await self._reading.stream(portal, rows, encoder)
        self._peer.write(backend.copy_done())
        return count


def _with_head(head: bytes, encode_row: encode.RowEncoder) -> encode.RowEncoder:
    """Send the header with the first row, as PostgreSQL does: some readers expect that."""

    def encode_with_head(row: Row) -> bytes:
        nonlocal head
        data, head = head + encode_row(row), b""
        return backend.copy_data(data)

    return encode_with_head


def _row_writer(form: CopyFormat) -> Callable[[Sequence[str | None]], bytes]:
    dialect = form.dialect
    if form.kind == "csv":
        return lambda values: copy_format.csv_row(values, dialect)
    null = dialect.null or ""
    return lambda values: copy_format.text_row(values, dialect.delimiter, null)


class CopyIn:
    """Receives the rows of a COPY FROM STDIN, from CopyInResponse to CopyDone."""

    def __init__(self, coordinator: Coordinator, peer: Peer) -> None:
        self._coordinator = coordinator
        self._peer = peer

    async def receive(self, plan: CopyFromPlan) -> CopiedRows:
        """Receive all rows and convert them; raises SqlError."""
        width = len(plan.target.columns)
        self._peer.write(backend.copy_in_response(width))
        self._peer.flush()
        form = plan.statement.format
        skip = form.header
        texts: ZSet = {}
        async for values in self._rows(form):
            if skip:
                skip = False
                continue
            if len(values) != width:
                raise _wrong_width(len(values), width, sum(texts.values()) + 1)
            row = tuple(values)
            texts[row] = texts.get(row, 0) + 1
        return await self._coordinator.copied_rows(plan.target, texts)

    async def _rows(self, form: CopyFormat) -> AsyncIterator[list[str | None]]:
        reader: CsvReader | TextReader
        if form.kind == "csv":
            reader = CsvReader(form.dialect)
        else:
            reader = TextReader(form.dialect.delimiter, form.dialect.null or "")
        async for data in self._data():
            for row in reader.feed(data):
                yield row
        for row in reader.finish():
            yield row

    async def _data(self) -> AsyncIterator[bytes]:
        received = 0
        while True:
            message = await self._peer.receive()
            match message:
                case messages.CopyData(data):
                    received += len(data)
                    if received > MAX_BYTES:
                        raise SqlError(f"a COPY may bring at most {MAX_BYTES} bytes", "54000")
                    yield data
                case messages.CopyDone():
                    return
                case messages.CopyFail(reason):
                    raise SqlError(f"COPY from stdin failed: {reason}", "57014")
                case messages.Sync() | messages.Flush():
                    continue
                case None:
                    raise SqlError("the client is gone", "08006")
                case _:
                    name = type(message).__name__
                    raise SqlError(f"expected the data of a COPY, found {name}", "08P01")


def _wrong_width(found: int, expected: int, line: int) -> SqlError:
    if found < expected:
        return SqlError(
            f"missing data for column {found + 1}: expected {expected} values, found {found}",
            "22P04",
            detail=f"COPY, row {line}",
        )
    return SqlError(
        f"extra data after last expected column: expected {expected} values, found {found}",
        "22P04",
        detail=f"COPY, row {line}",
    )
