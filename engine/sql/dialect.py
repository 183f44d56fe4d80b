"""The engine's SQL as a dialect of sqlglot: PostgreSQL's, in which every statement is tokens.

sqlglot's own PostgreSQL dialect returns statements such as `SHOW ..` or `DECLARE ..` as one
unparsed text; here `engine.sql.parser` reads their tokens. `engine.sql.trees` parses queries and
expressions by sqlglot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import TokenError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError

SYNTAX_ERROR = "42601"

_PLANNED_FUNCTIONS = {
    *("ARRAY_AGG", "AVG", "BOOL_AND", "BOOL_OR", "COUNT", "MAX", "MIN", "SUM"),
    *("GENERATE_SERIES", "UNNEST"),
    *("ROW_NUMBER", "RANK", "DENSE_RANK", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"),
    *("COALESCE", "GREATEST", "LEAST", "NULLIF"),
}
_FUNCTIONS_WITH_SYNTAX = {
    *("CAST", "EXTRACT", "OVERLAY", "POSITION", "STRING_AGG", "SUBSTRING", "TRIM"),
}

_INTERVAL_UNITS = {
    word
    for unit in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
    for word in (unit, f"{unit}S")
}


_READ_AGAIN = 2
"""How often each token of a statement may be read again; a real statement has one in two."""


class EngineSql(Postgres):
    INDEX_OFFSET = 0  # a subscript stays as it was written

    class Parser(PostgresParser):
        """Keeps the names and arguments of scalar functions as they were written.

        sqlglot would convert many of them to a common form (`to_date` to `StrToDate` with another
        format), which serves to transpile but loses the original.
        """

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: build
            for name, build in PostgresParser.FUNCTIONS.items()
            if name in _PLANNED_FUNCTIONS
        } | {"GENERATE_SERIES": exp.ExplodingGenerateSeries.from_arg_list}
        # `f(j -> 'key')` takes a field; it does not give `f` a lambda.
        LAMBDAS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
            token: parse
            for token, parse in PostgresParser.LAMBDAS.items()
            if token is not TokenType.ARROW
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: parse
            for name, parse in PostgresParser.FUNCTION_PARSERS.items()
            if name in _FUNCTIONS_WITH_SYNTAX
        }

        def reset(self) -> None:
            super().reset()
            self._read_again = 0

        def _retreat(self, index: int) -> None:
            """Bound the tokens that are read again.

            sqlglot tries one form after another. Where such places are nested, as in a row of JOINs
            without ON, each level doubles the work, and 22 of them would take minutes.
            """
            self._read_again += max(self._index - index, 0)
            if self._read_again > _READ_AGAIN * (1000 + len(self._tokens)):
                raise SqlError("statement is too complex to parse", "54001")
            super()._retreat(index)

        def _parse_type(
            self, parse_interval: bool = True, fallback_to_identifier: bool = False
        ) -> exp.Expr | None:
            """A typed literal is one before operators: `date '2020-01-02'::text` casts the date."""
            index = self._index
            kind = self._curr.token_type if self._curr is not None else None
            is_type = kind in self.TYPE_TOKENS and kind is not TokenType.INTERVAL
            if is_type and not fallback_to_identifier:
                data_type = self._parse_types(check_func=True, allow_identifiers=False)
                if isinstance(data_type, exp.DataType) and self._match(
                    TokenType.STRING, advance=False
                ):
                    literal = self._parse_primary()
                    return self._parse_column_ops(
                        self.expression(exp.Cast(this=literal, to=data_type))
                    )
                self._retreat(index)
            return super()._parse_type(parse_interval, fallback_to_identifier)

        def _parse_join(self, *args: Any, **kwargs: Any) -> exp.Join | None:
            """`JOIN .. USING (columns) AS alias`, which sqlglot does not have."""
            join = super()._parse_join(*args, **kwargs)
            if join is not None and join.args.get("using") and self._match(TokenType.ALIAS):
                join.set("alias", self._parse_id_var(any_token=False))
            return join

        # A prefix operator, as all but + and -, takes a sum: `~1 + 1` is ~(1 + 1).
        UNARY_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
            **PostgresParser.UNARY_PARSERS,
            TokenType.RLIKE: lambda self: self.expression(exp.BitwiseNot(this=self._parse_term())),
        }

        def _parse_interval_span(
            self, this: exp.Expr, parse_function_unit: bool = True
        ) -> exp.Interval:
            """The text of an interval stays whole: it may hold a sign, a clock, or `ago`."""
            unit = self._parse_interval_unit()
            if unit is not None and self._match_text_seq("TO"):
                last = self._parse_interval_unit()
                if last is None:
                    self.raise_error("Expected a unit")
                unit = self.expression(exp.IntervalSpan(this=unit, expression=last))
            return self.expression(exp.Interval(this=this, unit=unit))

        def _parse_interval_unit(self) -> exp.Expr | None:
            """A unit, or `SECOND(3)`, which becomes a Dot of the unit and the number."""
            token = self._curr
            if token is None or token.token_type is TokenType.STRING:
                return None
            if token.text.upper() not in _INTERVAL_UNITS:
                return None
            unit = self._parse_var(any_token=True, upper=True)
            if token.text.upper() != "SECOND" or not self._match(TokenType.L_PAREN):
                return unit
            decimals = self._parse_number()
            self._match_r_paren()
            return self.expression(exp.Dot(this=unit, expression=decimals))

    class Tokenizer(Postgres.Tokenizer):
        # No strings between dollar signs: the `$1,$` of two parameters would be read as one's
        # beginning.
        HEREDOC_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
        SINGLE_TOKENS: ClassVar[dict[str, TokenType]] = {
            **Postgres.Tokenizer.SINGLE_TOKENS,
            "$": TokenType.PARAMETER,
        }
        COMMANDS: ClassVar[set[TokenType]] = set()
        KEYWORDS: ClassVar[dict[str, TokenType]] = {
            word: kind
            for word, kind in Postgres.Tokenizer.KEYWORDS.items()
            if kind not in (TokenType.COMMAND, TokenType.OBJECT_IDENTIFIER)
        }


DIALECT = EngineSql()


def tokenize(sql: str) -> list[Token]:
    """Cut `sql` into tokens, which know their place in it; raises SqlError (42601).

    A string in PostgreSQL's `E'..'` form comes out as a plain one.
    """
    try:
        tokens = DIALECT.tokenize(sql)
    except TokenError as error:
        raise SqlError(_what_is_open(sql), SYNTAX_ERROR, position=len(sql) + 1) from error
    return [_as_plain_string(token) for token in tokens]


def _what_is_open(sql: str) -> str:
    """Name what the tokenizer did not find the end of; comments are tried first."""
    if "/*" in re.sub(r"/\*.*?\*/", "", sql, flags=re.DOTALL):
        return "expected the end of a comment (*/), found EOF"
    return "expected the end of a quoted string or identifier, found EOF"


def _as_plain_string(token: Token) -> Token:
    if token.token_type != TokenType.BYTE_STRING:
        return token
    return Token(
        TokenType.STRING, token.text, token.line, token.col, token.start, token.end, token.comments
    )


def quote_identifier(name: str) -> str:
    """Quote `name` so that SQL reads exactly it."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote `text` so that SQL reads exactly it."""
    return "'" + text.replace("'", "''") + "'"
