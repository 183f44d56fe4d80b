"""BEGIN, COMMIT, ROLLBACK and savepoints."""

from __future__ import annotations

from engine.errors import not_supported
from engine.sql import statements as s
from engine.sql.tokens import TokenStream


def parse_begin(tokens: TokenStream) -> s.Begin:
    if tokens.take_words("START"):
        tokens.expect_words("TRANSACTION")
        tag = "START TRANSACTION"
    else:
        tokens.expect_words("BEGIN")
        tokens.take_one_of("TRANSACTION", "WORK")
        tag = "BEGIN"
    for mode in tokens.comma_separated():
        _check_mode(mode)
    return s.Begin(tag)


def _check_mode(tokens: TokenStream) -> None:
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


def parse_commit(tokens: TokenStream) -> s.Commit:
    tokens.expect_one_of("COMMIT", "END")
    _parse_end_of_transaction(tokens)
    return s.Commit()


def parse_rollback(tokens: TokenStream) -> s.Rollback | s.RollbackTo:
    tokens.expect_one_of("ROLLBACK", "ABORT")
    tokens.take_one_of("TRANSACTION", "WORK")
    if tokens.take_words("TO"):
        return s.RollbackTo(_parse_savepoint_name(tokens))
    _parse_end_of_transaction(tokens)
    return s.Rollback()


def parse_savepoint(tokens: TokenStream) -> s.Savepoint:
    return s.Savepoint(_parse_savepoint_name(tokens))


def parse_release(tokens: TokenStream) -> s.Release:
    tokens.expect_words("RELEASE")
    return s.Release(_parse_savepoint_name(tokens))


def _parse_savepoint_name(tokens: TokenStream) -> str:
    if tokens.peek(1) is not None:
        tokens.take_words("SAVEPOINT")
    name = tokens.identifier("savepoint name")
    tokens.expect_end()
    return name


def _parse_end_of_transaction(tokens: TokenStream) -> None:
    tokens.take_one_of("TRANSACTION", "WORK")
    if tokens.at_words("PREPARED"):
        raise not_supported("a transaction in two phases")
    if tokens.take_words("AND"):
        tokens.expect_words("NO", "CHAIN")
    tokens.expect_end()
