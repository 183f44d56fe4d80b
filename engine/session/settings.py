"""The values of a session's settings (`SET`, `SHOW`, `RESET`)."""

from __future__ import annotations

from engine.errors import SqlError
from engine.sql.settings import SETTINGS, Setting


class Settings:
    """The values of one session. Names are looked up without regard to case."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._before_transaction: dict[str, str] | None = None

    def get(self, name: str) -> str:
        """The value; raises SqlError (42704) for an unknown name."""
        setting = _find(name)
        return self._values.get(setting.name, setting.default)

    def has(self, name: str) -> bool:
        return name.lower() in SETTINGS

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
        # Several spellings of one value are accepted, and one of them is kept.
        self._values[setting.name] = setting.default if setting.values else value

    def reset(self, name: str | None) -> None:
        """Set a value, or all of them (None), to the default."""
        if name is None:
            self._values.clear()
        else:
            self.set(name, None)

    def end_transaction(self) -> None:
        """Undo every SET LOCAL."""
        if self._before_transaction is not None:
            self._values = self._before_transaction
            self._before_transaction = None

    def _before(self, local: bool) -> None:
        if local and self._before_transaction is None:
            self._before_transaction = dict(self._values)

    def reported(self) -> dict[str, str]:
        """The settings that are reported to clients."""
        return {
            setting.name: self.get(setting.name)
            for setting in SETTINGS.values()
            if setting.reported
        }

    def all(self) -> dict[str, str]:
        return {setting.name: self.get(setting.name) for setting in SETTINGS.values()}


def _find(name: str) -> Setting:
    setting = SETTINGS.get(name.lower())
    if setting is None:
        raise SqlError(f'unrecognized configuration parameter "{name}"', "42704")
    return setting
