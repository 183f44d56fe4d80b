"""A session's settings (`SET`, `SHOW`, `RESET`), and the statements that change them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SqlError

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
