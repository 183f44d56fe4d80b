"""The parsers of the engine to fuzz: apart from the others, since its import takes seconds here."""

from __future__ import annotations

from engine.errors import SqlError
from engine.pgwire.reader import BrokenStreamError, MalformedMessageError, Reader
from engine.sql.parser import parse_statements
from tests.fuzz.fuzzed import Fuzzed


def fuzz_wire(data: bytes) -> None:
    """A client of the engine sends any bytes: messages, an error for one, or the end."""
    reader = Reader(max_message_length=1024)
    for start in range(0, len(data), 7):
        reader.feed(data[start : start + 7])
        while True:
            try:
                if reader.next_message() is None:
                    break
            except MalformedMessageError:
                continue
            except BrokenStreamError:
                return


def fuzz_sql(data: bytes) -> None:
    """A statement is parsed, or refused by an error that has a text."""
    try:
        parse_statements(data.decode("utf-8", "replace"))
    except SqlError as error:
        assert error.message


_STARTUP = b"\0\0\0\x1b\0\x03\0\0user\0materialize\0\0\0"
_QUERY = b"Q\0\0\0\x0dSELECT 1\0"
_PARSE = b"P\0\0\0\x16s\0SELECT $1\0\0\x01\0\0\0\x19"
_BIND = b"B\0\0\0\x11\0s\0\0\0\0\x01\0\0\0\x011\0\0S\0\0\0\x04"

TARGETS = {
    "wire": Fuzzed(fuzz_wire, [_STARTUP + _QUERY, _STARTUP + _PARSE + _BIND]),
    "sql": Fuzzed(
        fuzz_sql,
        [
            b"SELECT a, count(*) FROM t JOIN u ON t.x = u.y WHERE z->>'k' ~ 'a' GROUP BY a",
            b"CREATE MATERIALIZED VIEW v AS SELECT DISTINCT ON (a) * FROM t ORDER BY a LIMIT 3;",
            b"DECLARE c CURSOR FOR TAIL v WITH (SNAPSHOT); FETCH ALL c WITH (timeout = '1s')",
            b"CREATE SOURCE s FROM FILE '/x' WITH (tail = true) FORMAT CSV WITH HEADER",
        ],
    ),
}
