"""The beginning of a session: what the client asks for in its startup message, and the greeting."""

from __future__ import annotations

import shlex

from engine.errors import SqlError
from engine.pgwire import backend, messages
from engine.session.peer import Peer
from engine.session.settings import Settings

MINOR_VERSION = 0
"""The newest minor version of the protocol that is spoken: 3.0."""
_NOT_SETTINGS = {"user", "database", "options", "replication"}


def apply_startup(message: messages.Startup, settings: Settings) -> None:
    """Take over the client's settings; raises SqlError for a value that cannot be.

    Anybody may be any user of the one database there is. A setting that is not known is left
    out, as Materialize does, for drivers name many.
    """
    if "user" not in message.parameters:
        raise SqlError("no PostgreSQL user name specified in startup packet", "28000")
    if message.parameters.get("replication", "false").lower() not in ("false", "off", "0", "no"):
        raise SqlError("replication connections are not supported", "0A000")
    database = message.parameters.get("database") or "materialize"
    if database != "materialize":
        raise SqlError(
            f'unknown database "{database}"', "3D000", hint='the database is "materialize"'
        )
    given = {**_options(message.parameters.get("options", ""))}
    given.update(
        (name, value) for name, value in message.parameters.items() if name not in _NOT_SETTINGS
    )
    for name, value in given.items():
        if settings.has(name):
            # Some drivers quote a value, as if it stood in a statement.
            settings.set(name, value.strip("'"))


def _options(text: str) -> dict[str, str]:
    """The settings in options such as `-c name=value --name=value`; raises SqlError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SqlError(f"invalid options {text!r}: {error}", "22023") from error
    found = {}
    for word in words:
        name, equals, value = word.removeprefix("-c").removeprefix("--").partition("=")
        if equals:
            found[name.strip().replace("-", "_")] = value
    return found


def greet(
    output: Peer, message: messages.Startup, settings: Settings, process_id: int, secret: int
) -> None:
    """Write all that comes before the first ReadyForQuery."""
    unknown = [name for name in message.parameters if name.startswith("_pq_.")]
    if message.minor_version > MINOR_VERSION or unknown:
        output.write(backend.negotiate_protocol_version(MINOR_VERSION, unknown))
    output.write(backend.authentication_ok())
    for name, value in settings.reported().items():
        output.write(backend.parameter_status(name, value))
    output.write(backend.backend_key_data(process_id, secret))
