"""A session's settings (`SET`, `SHOW`, `RESET`), and the statements that change them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.tokenizer_core import TokenType

from engine.errors import SqlError, not_supported
from engine.session import statements as s
from engine.session.tokens import TokenStream

SERVER_VERSION = "9.5.0"
"""The PostgreSQL that clients are to take the engine for: the one that Materialize v0.26 names."""


@dataclass(frozen=True)
class _Setting:
    """`values` are those that are accepted, in lower case; empty for any."""

    name: str
    default: str
    values: tuple[str, ...] = ()
    fixed: bool = False
    reported: bool = False
    """Whether a client is told of it at the start, and of each change."""


_SETTINGS = {
    setting.name.lower(): setting
    for setting in (
        _Setting("application_name", "", reported=True),
        _Setting("bytea_output", "hex", values=("hex",)),
        _Setting(
            "client_encoding", "UTF8", values=("utf8", "utf-8", "unicode", "auto"), reported=True
        ),
        _Setting("client_min_messages", "notice"),
        _Setting("database", "materialize"),
        _Setting("DateStyle", "ISO, MDY", values=("iso", "iso, mdy"), reported=True),
        _Setting("default_transaction_read_only", "off", values=("off",)),
        _Setting("extra_float_digits", "3"),
        _Setting("integer_datetimes", "on", fixed=True, reported=True),
        _Setting("IntervalStyle", "postgres", values=("postgres",), reported=True),
        _Setting("is_superuser", "off", fixed=True),
        _Setting("search_path", "public", values=("public", '"$user", public')),
        _Setting("server_encoding", "UTF8", fixed=True, reported=True),
        _Setting("server_version", SERVER_VERSION, fixed=True, reported=True),
        _Setting("server_version_num", "90500", fixed=True),
        _Setting("session_authorization", "materialize", fixed=True),
        _Setting("sql_safe_updates", "off"),
        _Setting("standard_conforming_strings", "on", values=("on",), reported=True),
        _Setting("TimeZone", "UTC", values=("utc", "gmt", "etc/utc", "+00:00"), reported=True),
        _Setting("transaction_isolation", "serializable", fixed=True),
    )
}


class Settings:
    """The values of one session. Names are looked up without regard to case."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._before_transaction: dict[str, str] | None = None

    def get(self, name: str) -> str:
        """The value; raises SqlError (42704) for an unknown name."""
        setting = _find(name)
        return self._values.get(setting.name, setting.default)

    def set(self, name: str, value: str | None, *, local: bool = False) -> None:
        """Set a value, None for the default; raises SqlError for a name or value out of range."""
        setting = _find(name)
        if value is None:
            self._before(local)
            self._values.pop(setting.name, None)
            return
        if setting.fixed and value.lower() != setting.default.lower():
            raise SqlError(f'parameter "{setting.name}" cannot be changed', "55P02")
        if setting.values and value.lower() not in setting.values:
            raise SqlError(
                f'parameter "{setting.name}" can only be set to "{setting.default}", '
                f'found "{value}"',
                "22023",
            )
        self._before(local)
        # Several spellings of one value are accepted; one of them is told.
        self._values[setting.name] = setting.default if setting.values else value

    def reset(self, name: str | None) -> None:
        """Set a value, or all of them (None), to the default."""
        if name is None:
            self._values.clear()
        else:
            self.set(name, None)

    def end_transaction(self) -> None:
        """Take back what was set LOCAL."""
        if self._before_transaction is not None:
            self._values = self._before_transaction
            self._before_transaction = None

    def _before(self, local: bool) -> None:
        if local and self._before_transaction is None:
            self._before_transaction = dict(self._values)

    def reported(self) -> dict[str, str]:
        """The settings that clients are told of."""
        return {
            setting.name: self.get(setting.name)
            for setting in _SETTINGS.values()
            if setting.reported
        }

    def all(self) -> dict[str, str]:
        return {setting.name: self.get(setting.name) for setting in _SETTINGS.values()}


def knows(name: str) -> bool:
    return name.lower() in _SETTINGS


def _find(name: str) -> _Setting:
    setting = _SETTINGS.get(name.lower())
    if setting is None:
        raise SqlError(f'unrecognized configuration parameter "{name}"', "42704")
    return setting


# Statements


def parse_set(tokens: TokenStream) -> s.Statement:
    tokens.expect_words("SET")
    if tokens.take_words("TRANSACTION") or tokens.take_words("SESSION", "CHARACTERISTICS"):
        # All modes of a transaction come to the same here.
        tokens.rest()
        return s.Nothing("SET")
    scope = tokens.take_one_of("SESSION", "LOCAL")
    local = scope == "LOCAL"
    if tokens.take_words("TIME", "ZONE"):
        return s.SetVariable("timezone", _parse_values(tokens), local)
    if tokens.take_words("NAMES"):
        return s.SetVariable("client_encoding", _parse_values(tokens), local)
    name = _parse_name(tokens)
    if not tokens.take_words("TO") and not tokens.take(TokenType.EQ):
        raise tokens.unexpected("equals sign or TO")
    return s.SetVariable(name, _parse_values(tokens), local)


def _parse_name(tokens: TokenStream) -> str:
    parts = tokens.name()
    if len(parts) > 1:
        raise not_supported(f"the setting {'.'.join(parts)!r}")
    return parts[0]


def _parse_values(tokens: TokenStream) -> str | None:
    """Read the value, or several with commas between; None for DEFAULT."""
    if tokens.take_words("DEFAULT"):
        tokens.expect_end()
        return None
    parts = []
    for part in tokens.comma_separated():
        sign = "-" if part.take(TokenType.DASH) else ""
        parts.append(sign + part.next("a value").text)
        part.expect_end()
    if not parts:
        raise tokens.unexpected("a value")
    return ", ".join(parts)


def parse_reset(tokens: TokenStream) -> s.ResetVariable:
    tokens.expect_words("RESET")
    name = None if tokens.take_words("ALL") else _parse_name(tokens)
    tokens.expect_end()
    return s.ResetVariable(name)
