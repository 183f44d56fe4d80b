"""COPY, with its options in parentheses or in the older form without."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.delimited import Dialect
from engine.errors import SqlError, not_supported
from engine.sql import statements as s
from engine.sql.dialect import quote_identifier, tokenize
from engine.sql.parse_read import parse_read
from engine.sql.queries import parse_query
from engine.sql.tokens import TokenStream

_KINDS = ("text", "csv", "binary")
_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def parse_copy(tokens: TokenStream) -> s.Copy | s.CopyFrom:
    tokens.expect_words("COPY")
    if tokens.at(TokenType.L_PAREN):
        source = parse_read(tokens.parenthesised())
        tokens.expect_words("TO")
        return s.Copy(source, _parse_end(tokens, "STDOUT"))
    table = tokens.name()
    columns = tokens.identifiers()
    if tokens.expect_one_of("FROM", "TO") == "TO":
        return s.Copy(_select(table, columns), _parse_end(tokens, "STDOUT"))
    form = _parse_end(tokens, "STDIN")
    if form.kind == "binary":
        raise not_supported("COPY .. FROM in format 'binary'", hint="use TEXT or CSV")
    return s.CopyFrom(table, columns, form)


def _select(table: s.Name, columns: tuple[str, ...]) -> s.Select:
    names = ", ".join(map(quote_identifier, columns)) or "*"
    sql = f"SELECT {names} FROM {'.'.join(map(quote_identifier, table))}"  # noqa: S608 -- quoted
    return s.Select(parse_query(tokenize(sql), sql))


def _parse_end(tokens: TokenStream, stream: str) -> s.CopyFormat:
    """Read `STDIN` or `STDOUT` and the options, up to the end of the statement."""
    if tokens.at(TokenType.STRING) or tokens.at_words("PROGRAM"):
        raise not_supported("COPY with a file or program of the server", hint=f"use {stream}")
    tokens.expect_words(stream)
    options: dict[str, str] = {}
    tokens.take_words("WITH")
    if tokens.at(TokenType.L_PAREN):
        for option in tokens.parenthesised().comma_separated():
            _parse_option(option, options)
    else:
        while not tokens.at_end:
            _parse_old_option(tokens, options)
    tokens.expect_end()
    return _format(options)


def _parse_option(option: TokenStream, options: dict[str, str]) -> None:
    """Read `NAME value` or `NAME = value`; a bare `HEADER` means true."""
    name = option.identifier("option name")
    if name not in ("format", "delimiter", "null", "header", "quote", "escape"):
        raise SqlError(
            "unexpected options",
            "42601",
            detail=f"{name.upper()} is not an option of COPY",
            hint="the options are FORMAT, DELIMITER, NULL, HEADER, QUOTE and ESCAPE",
        )
    option.take(TokenType.EQ)
    if name == "header" and option.at_end:
        options[name] = "true"
    else:
        options[name] = option.next("a value").text
    option.expect_end()


def _parse_old_option(tokens: TokenStream, options: dict[str, str]) -> None:
    """Read one of `CSV`, `BINARY`, `HEADER`, `DELIMITER [AS] x` and so on."""
    word = tokens.expect_one_of(
        "CSV", "BINARY", "HEADER", "DELIMITER", "NULL", "QUOTE", "ESCAPE"
    ).lower()
    if word in _KINDS:
        options["format"] = word
    elif word == "header":
        options[word] = "true"
    else:
        tokens.take_words("AS")
        options[word] = tokens.string(f"the {word} as a literal string")


def _format(options: dict[str, str]) -> s.CopyFormat:
    kind = options.get("format", "text").lower()
    if kind not in _KINDS:
        raise not_supported(f"COPY in format {kind!r}", hint="use TEXT, CSV or BINARY")
    header = options.get("header", "false").lower()
    if header not in _BOOLEANS:
        raise SqlError(f"invalid HEADER: expected a boolean, found {header!r}", "22023")
    csv = kind == "csv"
    quote = _character(options, "quote", '"')
    dialect = Dialect(
        delimiter=_character(options, "delimiter", "," if csv else "\t"),
        quote=quote,
        escape=_character(options, "escape", quote),
        null=options.get("null", "" if csv else "\\N"),
    )
    if dialect.quote == dialect.delimiter:
        raise SqlError("COPY delimiter and quote must be different", "22023")
    for name in ("header", "quote", "escape"):
        if name in options and not csv:
            raise SqlError(f"COPY {name} is available only in CSV mode", "0A000")
    if kind == "binary" and len(options) > 1:
        raise SqlError("COPY in BINARY mode takes no other options", "42601")
    return s.CopyFormat(kind, dialect, _BOOLEANS[header])  # type: ignore[arg-type]


def _character(options: dict[str, str], name: str, default: str) -> str:
    text = options.get(name, default)
    if len(text.encode()) != 1 or text in "\r\n":
        raise SqlError(f"COPY {name} must be a single one-byte character, found {text!r}", "22023")
    return text
