"""The tokens of one statement, read from left to right by the parsers of this folder.

What does not fit raises SqlError (42601), `Expected .., found ..`, at its place in the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import SqlError
from engine.sql.statements import Name
from engine.sql.trees import expected

_NOT_A_WORD = {TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER, TokenType.HEX_STRING}
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET}


class TokenStream:
    """`tokens` are one statement of the text `sql`, or a part of one."""

    def __init__(self, tokens: list[Token], sql: str) -> None:
        self._tokens = tokens
        self._at = 0
        self.sql = sql

    # Looking

    def peek(self, ahead: int = 0) -> Token | None:
        """The token to come, or one further ahead; None after the end."""
        index = self._at + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def all_left(self) -> list[Token]:
        """The tokens that were not taken; none is taken."""
        return self._tokens[self._at :]

    def at_words(self, *words: str, ahead: int = 0) -> bool:
        """Whether these unquoted words (in upper case) come next, one after the other."""
        return all(_is_word(self.peek(ahead + i), word) for i, word in enumerate(words))

    def at(self, kind: TokenType) -> bool:
        token = self.peek()
        return token is not None and token.token_type == kind

    # Taking

    def next(self, what: str) -> Token:
        token = self.peek()
        if token is None:
            raise self.unexpected(what)
        self._at += 1
        return token

    def take_words(self, *words: str) -> bool:
        """Take the words if they come next, all of them."""
        if not self.at_words(*words):
            return False
        self._at += len(words)
        return True

    def take_one_of(self, *words: str) -> str | None:
        """Take the next word if it is one of these, and return it."""
        return next((word for word in words if self.take_words(word)), None)

    def expect_words(self, *words: str) -> None:
        for word in words:
            if not self.take_words(word):
                raise self.unexpected(word)

    def expect_one_of(self, *words: str) -> str:
        word = self.take_one_of(*words)
        if word is None:
            raise self.unexpected(f"one of {' or '.join(words)}")
        return word

    def take(self, kind: TokenType) -> bool:
        if not self.at(kind):
            return False
        self._at += 1
        return True

    def expect(self, kind: TokenType, what: str) -> Token:
        if not self.at(kind):
            raise self.unexpected(what)
        return self.next(what)

    def identifier(self, what: str = "identifier") -> str:
        """A name: unchanged if it is quoted, else in lower case."""
        token = self.peek()
        if token is None or not _is_identifier(token):
            raise self.unexpected(what)
        self._at += 1
        return token.text if token.token_type == TokenType.IDENTIFIER else token.text.lower()

    def name(self) -> Name:
        """One to three identifiers with dots between."""
        start = self.peek()
        parts = [self.identifier()]
        while self.take(TokenType.DOT):
            parts.append(self.identifier())
        if len(parts) > 3:
            raise expected("a name of one to three parts", start, self.sql)
        return tuple(parts)

    def string(self, what: str = "literal string") -> str:
        return self.expect(TokenType.STRING, what).text

    def number(self, what: str = "literal int") -> int:
        """An integer without a sign."""
        token = self.peek()
        if token is None or token.token_type != TokenType.NUMBER or not token.text.isdecimal():
            raise self.unexpected(what)
        self._at += 1
        return int(token.text)

    def identifiers(self) -> tuple[str, ...]:
        """`(a, b, ..)`; empty when no parenthesis comes next."""
        if not self.take(TokenType.L_PAREN):
            return ()
        names = [self.identifier()]
        while self.take(TokenType.COMMA):
            names.append(self.identifier())
        self.expect(TokenType.R_PAREN, "right parenthesis")
        return tuple(names)

    def parenthesised(self) -> TokenStream:
        """The tokens up to the parenthesis that closes the one that comes next."""
        self.expect(TokenType.L_PAREN, "left parenthesis")
        start, depth = self._at, 1
        while not self.at_end:
            kind = self._tokens[self._at].token_type
            depth += (kind in _OPENING) - (kind in _CLOSING)
            self._at += 1
            if depth == 0:
                return TokenStream(self._tokens[start : self._at - 1], self.sql)
        raise self.unexpected("right parenthesis")

    def comma_separated(self) -> Iterator[TokenStream]:
        """The rest, cut at its commas outside of parentheses."""
        while not self.at_end:
            start, depth = self._at, 0
            while not self.at_end and not (depth == 0 and self.at(TokenType.COMMA)):
                kind = self._tokens[self._at].token_type
                depth += (kind in _OPENING) - (kind in _CLOSING)
                self._at += 1
            yield TokenStream(self._tokens[start : self._at], self.sql)
            if self.take(TokenType.COMMA) and self.at_end:
                raise self.unexpected("another item")

    def rest(self) -> list[Token]:
        """All that is left."""
        rest = self._tokens[self._at :]
        self._at = len(self._tokens)
        return rest

    def text(self) -> str:
        """The text of the tokens that are left; none is taken."""
        rest = self._tokens[self._at :]
        return self.sql[rest[0].start : rest[-1].end + 1] if rest else ""

    def split_as_of(self) -> tuple[TokenStream, list[Token] | None]:
        """Cut a trailing `AS OF expression` off the rest: the tokens before it, and those of it.

        `AS OF` that a comma, a clause or nothing follows is an alias, and is left alone.
        """
        rest = self.rest()
        depth = 0
        for i in range(len(rest) - 1, 0, -1):
            kind = rest[i].token_type
            depth += (kind in _CLOSING) - (kind in _OPENING)
            if depth or not _is_word(rest[i], "OF") or not _is_word(rest[i - 1], "AS"):
                continue
            after = rest[i + 1 :]
            if after and after[0].token_type not in _AFTER_AN_ALIAS:
                return TokenStream(rest[: i - 1], self.sql), after
            break
        return TokenStream(rest, self.sql), None

    # Refusing

    def expect_end(self) -> None:
        if not self.at_end:
            raise self.unexpected("end of statement")

    def unexpected(self, what: str) -> SqlError:
        """The error for the token to come, where `what` should be."""
        after = self._tokens[-1].end + 1 if self._tokens else len(self.sql)
        return expected(what, self.peek(), self.sql, end=after)


_AFTER_AN_ALIAS = {
    TokenType.COMMA,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.OFFSET,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.ON,
    TokenType.JOIN,
    TokenType.LEFT,
    TokenType.RIGHT,
    TokenType.FULL,
    TokenType.INNER,
    TokenType.CROSS,
}


def _is_word(token: Token | None, word: str) -> bool:
    return (
        token is not None and token.token_type not in _NOT_A_WORD and (token.text.upper() == word)
    )


def _is_identifier(token: Token) -> bool:
    if token.token_type == TokenType.IDENTIFIER:
        return bool(token.text)
    return token.token_type not in _NOT_A_WORD and (
        token.text[:1].isalpha() or token.text[:1] == "_"
    )
