"""CREATE SOURCE: where a file is and how its bytes are rows."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from engine.errors import SqlError, not_supported
from engine.regex import compile_regex
from engine.sql import statements as s
from engine.sql.tokens import TokenStream


def parse_source(
    tokens: TokenStream,
    name: s.Name,
    sql: str,
    column_names: tuple[str, ...],
    *,
    materialized: bool,
    if_not_exists: bool,
    or_replace: bool,
) -> s.CreateSource:
    tokens.expect_words("FROM")
    connector = tokens.next("FILE").text.upper()
    if connector != "FILE":
        raise not_supported(f"a source from {connector}", hint="use FROM FILE")
    path = tokens.string("a path as a literal string")
    compressed = tokens.take_words("COMPRESSION") and tokens.expect_one_of("GZIP", "NONE") == "GZIP"
    tail = _parse_source_options(tokens.parenthesised()) if tokens.take_words("WITH") else False
    tokens.expect_words("FORMAT")
    source_format = _parse_format(tokens)
    if tokens.take_words("ENVELOPE"):
        envelope = tokens.next("NONE").text.upper()
        if envelope != "NONE":
            raise not_supported(f"ENVELOPE {envelope}")
    tokens.expect_end()
    return s.CreateSource(
        name,
        path,
        source_format,
        sql,
        column_names,
        tail=tail,
        compressed=compressed,
        materialized=materialized,
        if_not_exists=if_not_exists,
        or_replace=or_replace,
    )


def _parse_source_options(options: TokenStream) -> bool:
    """Read `tail = true, timestamp_frequency_ms = 1000`; returns whether to tail.

    The frequency is checked and otherwise left alone: the engine's tick is one for all.
    """
    tail = False
    for option in options.comma_separated():
        name = option.identifier("option name")
        option.expect(TokenType.EQ, "equals sign")
        if name == "tail":
            value = option.next("boolean value").text.lower()
            if value not in ("true", "false"):
                raise SqlError(f"invalid tail: expected true or false, found {value!r}", "22023")
            tail = value == "true"
        elif name == "timestamp_frequency_ms":
            option.number()
        else:
            raise SqlError(
                "unexpected parameters for CREATE SOURCE",
                "42601",
                detail=f"{name} is not a parameter of a file source",
                hint="the parameters are tail and timestamp_frequency_ms",
            )
        option.expect_end()
    return tail


def _parse_format(tokens: TokenStream) -> s.Format:
    word = tokens.next("one of TEXT or BYTES or JSON or REGEX or CSV").text.upper()
    if word == "TEXT":
        return s.TextFormat()
    if word == "BYTES":
        return s.BytesFormat()
    if word == "JSON":
        return s.JsonFormat()
    if word == "REGEX":
        return _parse_regex(tokens)
    if word == "CSV":
        return _parse_csv(tokens)
    raise not_supported(f"the format {word}", hint="use TEXT, BYTES, JSON, REGEX or CSV")


def _parse_regex(tokens: TokenStream) -> s.RegexFormat:
    pattern = tokens.string("a pattern as a literal string")
    compile_regex(pattern)  # to refuse what is no pattern
    return s.RegexFormat(pattern)


def _parse_csv(tokens: TokenStream) -> s.CsvFormat:
    tokens.expect_words("WITH")
    header = tokens.take_one_of("HEADER", "HEADERS") is not None
    width: int | None = None
    names: tuple[str, ...] = ()
    if header:
        names = tokens.identifiers()
    else:
        width = tokens.number("HEADER or a number of columns")
        tokens.expect_one_of("COLUMNS", "COLUMN")
        if not 1 <= width <= 1600:
            raise SqlError(f"expected 1 to 1600 columns, found {width}", "22023")
    delimiter = ","
    if tokens.take_words("DELIMITED"):
        tokens.expect_words("BY")
        delimiter = tokens.string("a character as a literal string")
        if len(delimiter.encode()) != 1:
            raise SqlError(f"expected one byte as the delimiter, found {delimiter!r}", "22023")
    return s.CsvFormat(header, width, names, delimiter)
