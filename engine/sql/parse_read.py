"""Statements that read relations: SELECT, TAIL, SUBSCRIBE, EXPLAIN."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from engine.errors import SqlError, not_supported
from engine.sql import statements as s
from engine.sql.queries import parse_expression, parse_query
from engine.sql.tokens import TokenStream


def parse_select(tokens: TokenStream) -> s.Select:
    query, as_of = tokens.split_as_of()
    tree = parse_query(query.rest(), tokens.sql)
    return s.Select(tree, None if as_of is None else parse_expression(as_of, tokens.sql))


def parse_tail(tokens: TokenStream) -> s.Tail:
    tokens.expect_words("TAIL")
    target = _parse_target(tokens)
    snapshot, progress = _parse_tail_options(tokens, "TAIL")
    as_of = _parse_bound(tokens) if _take_as_of(tokens) else None
    tokens.expect_end()
    return s.Tail(target, snapshot, progress, as_of)


def parse_subscribe(tokens: TokenStream) -> s.Tail:
    tokens.expect_words("SUBSCRIBE")
    tokens.take_words("TO")
    target = _parse_target(tokens)
    key = _parse_envelope(tokens) if tokens.take_words("ENVELOPE") else ()
    if tokens.at_words("WITHIN"):
        raise not_supported("SUBSCRIBE .. WITHIN TIMESTAMP ORDER BY")
    snapshot, progress = _parse_tail_options(tokens, "SUBSCRIBE")
    as_of = _parse_bound(tokens) if _take_as_of(tokens) else None
    up_to = _parse_bound(tokens) if tokens.take_words("UP", "TO") else None
    tokens.expect_end()
    return s.Tail(target, snapshot, progress, as_of, up_to, key, "SUBSCRIBE")


def _parse_target(tokens: TokenStream) -> s.Name | exp.Query:
    if tokens.at(TokenType.L_PAREN):
        return parse_query(tokens.parenthesised().rest(), tokens.sql)
    return tokens.name()


def _parse_envelope(tokens: TokenStream) -> tuple[str, ...]:
    """Read `UPSERT (KEY (a, b))`; returns the key's columns."""
    kind = tokens.next("UPSERT").text.upper()
    if kind != "UPSERT":
        raise not_supported(f"SUBSCRIBE .. ENVELOPE {kind}", hint="use ENVELOPE UPSERT (KEY (..))")
    options = tokens.parenthesised()
    options.expect_words("KEY")
    key = options.identifiers()
    options.expect_end()
    if not key:
        raise options.unexpected("the columns of the key in parentheses")
    return key


def _take_as_of(tokens: TokenStream) -> bool:
    if not tokens.take_words("AS"):
        return False
    tokens.expect_words("OF")
    if tokens.at_words("AT", "LEAST"):
        raise not_supported("AS OF AT LEAST", hint="use AS OF")
    return True


def _parse_bound(tokens: TokenStream) -> exp.Expr:
    """Read an expression up to UP TO, or to the end."""
    bound = []
    while not tokens.at_end and not tokens.at_words("UP", "TO"):
        bound.append(tokens.next("an expression"))
    if not bound:
        raise tokens.unexpected("an expression")
    return parse_expression(bound, tokens.sql)


def _parse_tail_options(tokens: TokenStream, verb: str) -> tuple[bool, bool]:
    """Read `WITH (SNAPSHOT .., PROGRESS ..)`, if it comes next."""
    options = {"SNAPSHOT": True, "PROGRESS": False}
    if tokens.take_words("WITH"):
        for option in tokens.parenthesised().comma_separated():
            _parse_tail_option(option, options, verb)
    return options["SNAPSHOT"], options["PROGRESS"]


def _parse_tail_option(option: TokenStream, options: dict[str, bool], verb: str) -> None:
    """Read `NAME`, `NAME value` or `NAME = value`; a bare name means true."""
    name = option.identifier("option name").upper()
    if name not in options:
        raise SqlError(
            "unexpected options",
            "42601",
            detail=f"{name} is not an option of {verb}",
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


def parse_read(tokens: TokenStream) -> s.Select | s.Tail:
    """Parse what COPY and DECLARE read: a TAIL, a SUBSCRIBE, or a query."""
    if tokens.at_words("SUBSCRIBE"):
        return parse_subscribe(tokens)
    return parse_tail(tokens) if tokens.at_words("TAIL") else parse_select(tokens)


_OTHER_EXPLANATIONS = (
    *("RAW", "TYPED", "DECORRELATED", "PHYSICAL", "LOCALLY", "TIMESTAMP", "ANALYZE"),
    *("VERBOSE", "FILTER", "KEY", "VALUE", "AST", "REPLAN"),
)


def parse_explain(tokens: TokenStream) -> s.Explain:
    tokens.expect_words("EXPLAIN")
    other = tokens.take_one_of(*_OTHER_EXPLANATIONS)
    if other is not None or (tokens.at(TokenType.L_PAREN) and tokens.at_words("COSTS", ahead=1)):
        raise not_supported(
            f"EXPLAIN {other or '(..)'}", hint="use EXPLAIN or EXPLAIN OPTIMIZED PLAN"
        )
    tokens.take_words("OPTIMIZED")
    if tokens.take_words("PLAN"):
        tokens.expect_words("FOR")
    if tokens.take_one_of("VIEW", "MATERIALIZED"):
        tokens.take_words("VIEW")
        name = tokens.name()
        tokens.expect_end()
        return s.Explain(name)
    return s.Explain(parse_query(tokens.rest(), tokens.sql))
