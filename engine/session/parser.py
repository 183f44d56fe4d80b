"""From text to the statements of `engine.session.statements`.

This module reads what only asks and what steers a session; `parse_ddl` and `parse_write` beside
it read what changes something. Queries within them are parsed by sqlglot.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError, not_supported
from engine.session import statements as s
from engine.session.parse_ddl import parse_create, parse_drop
from engine.session.parse_write import parse_delete, parse_insert, parse_update
from engine.session.settings import parse_reset, parse_set
from engine.session.show import parse_show
from engine.session.tokens import TokenStream
from engine.sql_dialect import parse_expression, parse_query, tokenize


def parse_statements(sql: str) -> list[s.Statement]:
    """Parse all statements of `sql`, which semicolons separate; raises SqlError."""
    tokens = tokenize(sql)
    return [_parse(TokenStream(piece, sql)) for piece in _split(tokens)]


def parse_statement(sql: str) -> s.Statement | None:
    """Parse the one statement of `sql`; None if there is none. Raises SqlError."""
    parsed = parse_statements(sql)
    if len(parsed) > 1:
        raise SqlError("cannot insert multiple commands into a prepared statement", "42601")
    return parsed[0] if parsed else None


def _split(tokens: list[Token]) -> list[list[Token]]:
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


def _parse(tokens: TokenStream) -> s.Statement:
    first = tokens.peek()
    if tokens.at(TokenType.L_PAREN):
        return parse_select(tokens)
    word = "" if first is None else first.text.upper()
    parser = None if first is None or not tokens.at_words(word) else _PARSERS.get(word)
    if parser is None:
        raise tokens.unexpected("a keyword at the beginning of a statement")
    return parser(tokens)


# Reads


def parse_select(tokens: TokenStream) -> s.Select:
    query, as_of = tokens.split_as_of()
    tree = parse_query(query.rest(), tokens.sql)
    return s.Select(tree, None if as_of is None else parse_expression(as_of, tokens.sql))


def _parse_tail(tokens: TokenStream) -> s.Tail:
    tokens.expect_words("TAIL")
    target: s.Name | exp.Query
    if tokens.at(TokenType.L_PAREN):
        target = parse_query(tokens.parenthesised().rest(), tokens.sql)
    else:
        target = tokens.name()
    options = {"SNAPSHOT": True, "PROGRESS": False}
    if tokens.take_words("WITH"):
        for option in tokens.parenthesised().comma_separated():
            _read_tail_option(option, options)
    as_of = None
    if tokens.take_words("AS"):
        tokens.expect_words("OF")
        if tokens.at_end:
            raise tokens.unexpected("an expression")
        as_of = parse_expression(tokens.rest(), tokens.sql)
    tokens.expect_end()
    return s.Tail(target, options["SNAPSHOT"], options["PROGRESS"], as_of)


def _read_tail_option(option: TokenStream, options: dict[str, bool]) -> None:
    """Read `NAME`, `NAME value` or `NAME = value`; a bare name means true."""
    name = option.identifier("option name").upper()
    if name not in options:
        raise SqlError(
            "unexpected options",
            "42601",
            detail=f"{name} is not an option of TAIL",
            hint="the options are SNAPSHOT and PROGRESS",
        )
    if not option.at_end:
        option.take(TokenType.EQ)
        value = option.next("boolean value").text.lower()
        if value not in _BOOLEANS:
            raise SqlError(f"invalid {name}: expected a boolean, found {value!r}", "22023")
        options[name] = _BOOLEANS[value]
    else:
        options[name] = True
    option.expect_end()


_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def _refuse_subscribe(tokens: TokenStream) -> s.Statement:
    raise not_supported("SUBSCRIBE", hint="it is called TAIL here, as in Materialize before v0.27")


def _parse_read(tokens: TokenStream) -> s.Select | s.Tail:
    """Parse what COPY and DECLARE read: a TAIL, or a query."""
    return _parse_tail(tokens) if tokens.at_words("TAIL") else parse_select(tokens)


def _parse_copy(tokens: TokenStream) -> s.Copy:
    tokens.expect_words("COPY")
    if not tokens.at(TokenType.L_PAREN):
        name = tokens.name()
        tokens.identifiers()
        if tokens.take_words("FROM"):
            raise not_supported("COPY .. FROM", hint="use INSERT")
        raise not_supported(
            f"COPY {'.'.join(name)} TO", hint="use COPY (SELECT * FROM ..) TO STDOUT"
        )
    source = _parse_read(tokens.parenthesised())
    tokens.expect_words("TO", "STDOUT")
    binary = _parse_copy_options(tokens)
    tokens.expect_end()
    return s.Copy(source, binary)


def _parse_copy_options(tokens: TokenStream) -> bool:
    """Read `[WITH] (FORMAT ..)`; returns whether the format is the binary one."""
    if not tokens.take_words("WITH") and not tokens.at(TokenType.L_PAREN):
        return False
    binary = False
    for option in tokens.parenthesised().comma_separated():
        name = option.identifier("option name")
        if name != "format":
            raise SqlError(
                "unexpected options", "42601", detail=f"{name.upper()} is not an option of COPY"
            )
        option.take(TokenType.EQ)
        value = option.next("format").text.lower()
        if value not in ("text", "binary"):
            raise not_supported(f"COPY in format {value!r}", hint="use TEXT or BINARY")
        binary = value == "binary"
        option.expect_end()
    return binary


def _parse_explain(tokens: TokenStream) -> s.Explain:
    tokens.expect_words("EXPLAIN")
    tokens.take_one_of("TYPED", "RAW", "DECORRELATED", "OPTIMIZED", "PHYSICAL")
    if tokens.take_words("PLAN"):
        tokens.expect_words("FOR")
    if tokens.take_one_of("VIEW", "MATERIALIZED"):
        tokens.take_words("VIEW")
        name = tokens.name()
        tokens.expect_end()
        return s.Explain(name)
    return s.Explain(parse_query(tokens.rest(), tokens.sql))


# Cursors and prepared statements


def _parse_declare(tokens: TokenStream) -> s.Declare:
    tokens.expect_words("DECLARE")
    cursor = tokens.identifier()
    tokens.take_words("INSENSITIVE")
    if not tokens.take_words("NO", "SCROLL") and tokens.at_words("SCROLL"):
        raise not_supported("SCROLL for cursors")
    tokens.expect_words("CURSOR")
    if tokens.take_words("WITH"):
        raise not_supported("WITH HOLD for cursors")
    if tokens.take_words("WITHOUT"):
        tokens.expect_words("HOLD")
    tokens.expect_words("FOR")
    return s.Declare(cursor, _parse_read(tokens))


def _parse_fetch(tokens: TokenStream) -> s.Fetch:
    tokens.expect_words("FETCH")
    for word in ("PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"):
        if tokens.at_words(word) and not _ends_fetch(tokens):
            raise not_supported(f"FETCH {word}", hint="a cursor can only go forward")
    if not _ends_fetch(tokens):
        tokens.take_words("FORWARD")
    count: int | None = 1
    if tokens.at(TokenType.NUMBER):
        count = tokens.number()
    elif tokens.at(TokenType.DASH):
        raise not_supported("FETCH of a negative number", hint="a cursor can only go forward")
    elif not _ends_fetch(tokens):
        if tokens.take_words("ALL"):
            count = None
        else:
            tokens.take_words("NEXT")
    tokens.take_one_of("FROM", "IN")
    cursor = tokens.identifier("cursor name")
    timeout = _parse_timeout(tokens) if tokens.take_words("WITH") else None
    tokens.expect_end()
    return s.Fetch(cursor, count, timeout)


def _ends_fetch(tokens: TokenStream) -> bool:
    """Whether the next word can only be the cursor's name, because nothing follows it."""
    return tokens.peek(1) is None or tokens.at_words(_text(tokens.peek()), "WITH")


def _text(token: Token | None) -> str:
    return "" if token is None else token.text.upper()


def _parse_timeout(tokens: TokenStream) -> float:
    """Read `(timeout = '1s')`; returns seconds."""
    options = tokens.parenthesised()
    name = options.identifier("option name")
    if name != "timeout":
        raise SqlError(
            "unexpected options", "42601", detail=f"{name.upper()} is not an option of FETCH"
        )
    options.take(TokenType.EQ)
    value = options.next("duration").text
    options.expect_end()
    return _seconds(value)


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNIT_OF = {
    **dict.fromkeys(("us", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)


def _seconds(text: str) -> float:
    """The seconds of a duration such as `1s`, `1.5 seconds`, `100ms`, `1m 30s`."""
    total, at = 0.0, 0
    while match := _DURATION.match(text, at):
        unit = _UNIT_OF.get(match[2].lower())
        if unit is None:
            break
        total += float(match[1]) * _UNITS[unit]
        at = match.end()
    if not text or at != len(text):
        raise SqlError(
            f"invalid timeout: expected a duration such as '1s', found {text!r}", "22023"
        )
    return total


def _parse_close(tokens: TokenStream) -> s.Close:
    tokens.expect_words("CLOSE")
    cursor = None if tokens.take_words("ALL") else tokens.identifier("cursor name")
    tokens.expect_end()
    return s.Close(cursor)


def _parse_deallocate(tokens: TokenStream) -> s.Deallocate:
    tokens.expect_words("DEALLOCATE")
    if tokens.peek(1) is not None:
        tokens.take_words("PREPARE")
    name = None if tokens.take_words("ALL") else tokens.identifier()
    tokens.expect_end()
    return s.Deallocate(name)


# Transactions


def _parse_begin(tokens: TokenStream) -> s.Begin:
    if tokens.take_words("START"):
        tokens.expect_words("TRANSACTION")
        tag = "START TRANSACTION"
    else:
        tokens.expect_words("BEGIN")
        tokens.take_one_of("TRANSACTION", "WORK")
        tag = "BEGIN"
    for mode in tokens.comma_separated():
        parse_transaction_mode(mode)
    return s.Begin(tag)


def parse_transaction_mode(tokens: TokenStream) -> None:
    """Check the modes of a transaction: all are accepted, none makes a difference here."""
    while not tokens.at_end:
        if tokens.take_words("ISOLATION"):
            tokens.expect_words("LEVEL")
            level = tokens.next("an isolation level").text.upper()
            if level in ("READ", "REPEATABLE"):
                tokens.next("an isolation level")
        elif tokens.take_words("READ"):
            tokens.expect_one_of("ONLY", "WRITE")
        else:
            tokens.take_words("NOT")
            tokens.expect_one_of("DEFERRABLE", "ISOLATION", "READ")


def _parse_commit(tokens: TokenStream) -> s.Commit:
    tokens.expect_one_of("COMMIT", "END")
    _parse_end_of_transaction(tokens)
    return s.Commit()


def _parse_rollback(tokens: TokenStream) -> s.Rollback:
    tokens.expect_one_of("ROLLBACK", "ABORT")
    _parse_end_of_transaction(tokens)
    return s.Rollback()


def _parse_end_of_transaction(tokens: TokenStream) -> None:
    tokens.take_one_of("TRANSACTION", "WORK")
    if tokens.at_words("TO") or tokens.at_words("PREPARED"):
        raise not_supported("a savepoint, or a transaction in two phases,")
    if tokens.take_words("AND"):
        tokens.expect_words("NO", "CHAIN")
    tokens.expect_end()


# The rest


def _parse_discard(tokens: TokenStream) -> s.Discard:
    tokens.expect_words("DISCARD")
    what = tokens.expect_one_of("ALL", "PLANS", "SEQUENCES", "TEMPORARY", "TEMP")
    tokens.expect_end()
    return s.Discard("TEMP" if what == "TEMPORARY" else what)


def _parse_unlisten(tokens: TokenStream) -> s.Nothing:
    """Accept `UNLISTEN ..`, which a connection pool says to be sure: nothing was listened to."""
    tokens.expect_words("UNLISTEN")
    if not tokens.take(TokenType.STAR):
        tokens.identifier()
    tokens.expect_end()
    return s.Nothing("UNLISTEN")


def _refuse(tokens: TokenStream) -> s.Statement:
    word = tokens.next("a statement").text.upper()
    raise not_supported(f"the statement {word}")


_PARSERS: dict[str, Callable[[TokenStream], s.Statement]] = {
    "SELECT": parse_select,
    "WITH": parse_select,
    "VALUES": parse_select,
    "TABLE": parse_select,
    "TAIL": _parse_tail,
    "SUBSCRIBE": _refuse_subscribe,
    "COPY": _parse_copy,
    "EXPLAIN": _parse_explain,
    "SHOW": parse_show,
    "DECLARE": _parse_declare,
    "FETCH": _parse_fetch,
    "CLOSE": _parse_close,
    "DEALLOCATE": _parse_deallocate,
    "BEGIN": _parse_begin,
    "START": _parse_begin,
    "COMMIT": _parse_commit,
    "END": _parse_commit,
    "ROLLBACK": _parse_rollback,
    "ABORT": _parse_rollback,
    "SET": parse_set,
    "RESET": parse_reset,
    "DISCARD": _parse_discard,
    "UNLISTEN": _parse_unlisten,
    "CREATE": parse_create,
    "DROP": parse_drop,
    "INSERT": parse_insert,
    "UPDATE": parse_update,
    "DELETE": parse_delete,
    **dict.fromkeys(
        (
            "ALTER", "ANALYZE", "CALL", "COMMENT", "DO", "EXECUTE", "GRANT", "LISTEN", "LOCK",
            "MERGE", "MOVE", "NOTIFY", "PREPARE", "REASSIGN", "REFRESH", "RELEASE", "REVOKE",
            "SAVEPOINT", "TRUNCATE", "VACUUM",
        ),
        _refuse,
    ),
}  # fmt: skip
