"""The messages of clients: one frozen dataclass for each message of the protocol.

The names are those of PostgreSQL's documentation, chapter "Frontend/Backend Protocol", "Message
Formats". `engine.pgwire.reader` makes them; `engine.pgwire.backend` writes what is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

TEXT = 0
BINARY = 1


@dataclass(frozen=True)
class SslRequest:
    """Asks for TLS; the answer is one byte, `N`, after which the client starts again."""


@dataclass(frozen=True)
class GssEncryptionRequest:
    """Asks for GSSAPI encryption; the answer is one byte, `N`."""


@dataclass(frozen=True)
class CancelRequest:
    """Asks to end what the connection `process_id` is doing; the connection is then closed."""

    process_id: int
    secret: int


@dataclass(frozen=True)
class Startup:
    minor_version: int
    parameters: dict[str, str]


@dataclass(frozen=True)
class Query:
    sql: str


@dataclass(frozen=True)
class Parse:
    statement: str
    sql: str
    parameter_types: tuple[int, ...]


@dataclass(frozen=True)
class Bind:
    portal: str
    statement: str
    parameter_formats: tuple[int, ...]
    """One for each parameter, one for all of them, or none: text."""
    parameters: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True)
class Describe:
    kind: Literal["statement", "portal"]
    name: str


@dataclass(frozen=True)
class Execute:
    portal: str
    max_rows: int
    """0 for no limit."""


@dataclass(frozen=True)
class Close:
    kind: Literal["statement", "portal"]
    name: str


@dataclass(frozen=True)
class Flush:
    pass


@dataclass(frozen=True)
class Sync:
    pass


@dataclass(frozen=True)
class Terminate:
    pass


@dataclass(frozen=True)
class CopyData:
    """A part of a COPY from the client; ignored when none is running."""

    data: bytes


@dataclass(frozen=True)
class CopyDone:
    pass


@dataclass(frozen=True)
class CopyFail:
    reason: str


@dataclass(frozen=True)
class Unexpected:
    """A well-framed message that the engine does not support, by its name."""

    name: str


FrontendMessage: TypeAlias = (
    SslRequest
    | GssEncryptionRequest
    | CancelRequest
    | Startup
    | Query
    | Parse
    | Bind
    | Describe
    | Execute
    | Close
    | Flush
    | Sync
    | Terminate
    | CopyData
    | CopyDone
    | CopyFail
    | Unexpected
)
