"""Errors that are sent to the client."""

from __future__ import annotations


class SqlError(Exception):
    """An error for the client, in the fields of a PostgreSQL ErrorResponse.

    `message` is one lower-case sentence that names the value and what was expected; `code` a
    SQLSTATE (`XX000` is what Materialize uses where it has none of its own); `position` counts
    characters of the statement from 1.
    """

    def __init__(
        self,
        message: str,
        code: str = "XX000",
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.detail = detail
        self.hint = hint
        self.position = position


def not_supported(what: str, hint: str | None = None) -> SqlError:
    """The error for a construct that the engine refuses; `hint` names the way around."""
    return SqlError(f"{what} is not supported", "0A000", hint=hint)
