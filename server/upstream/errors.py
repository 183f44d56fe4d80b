"""Errors of queries to the engine: one tree, so that callers catch as much as they can handle."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

log = logging.getLogger("server")


class EngineError(Exception):
    """A query failed. The text is for pages, and our own; `detail` is for the log.

    EngineError                 the engine answered with an error, or with nonsense
    ├── UnknownViewError        it has no view of that name
    ├── TooMuchError            the view cannot be read as it is
    └── EngineAwayError         it did not answer
        ├── BrokenConnectionError   the connection broke, or could not be made
        └── SlowAnswerError         it was silent for too long, or the answer took too long
    """

    def __init__(self, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.detail = detail
        """The report of libpq or the engine: it can name hosts, users and files."""


class UnknownPartError(EngineError):
    """The value of a part is none of the column's type."""


class UnknownViewError(EngineError):
    """The engine has no view of that name, or not now: it may be about to be created again."""


class TooMuchError(EngineError):
    """The view cannot be read as it is: to ask again soon would only cost the same again."""


class EngineAwayError(EngineError):
    """The engine did not answer."""


class BrokenConnectionError(EngineAwayError):
    """The connection to the engine broke, or could not be made."""


class SlowAnswerError(EngineAwayError):
    """The engine sent nothing for too long, or its whole answer took longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the engine does not answer within {seconds:g} s")
        self.seconds = seconds


@contextlib.contextmanager
def unexpected_errors(*expected: type[Exception]) -> Iterator[None]:
    """Turn an error that is not `expected` into an EngineError, and log its traceback.

    One answer that cannot be read must not end the server: other views go on.
    """
    known: tuple[type[Exception], ...] = (EngineError, *expected)
    try:
        yield
    except known:
        raise
    except Exception as error:
        log.exception("the engine's answer cannot be read")
        raise EngineError("the engine's answer cannot be read", repr(error)) from error
