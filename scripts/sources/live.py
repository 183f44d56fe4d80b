"""Follows Wikimedia's event stream through lost connections: no event is missed or repeated.

Wikimedia resumes after `Last-Event-ID` by a time, so it may repeat events, and does so when it
changes the data centre. The ids of the latest events are therefore kept, and an event that was
received already is dropped. A new process reads its position from the end of the file.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import requests
import urllib3

from scripts.sources import sse
from scripts.sources.strict import MAX_EVENT

URL = "https://stream.wikimedia.org/v2/stream/recentchange"
SILENCE = 30.0
"""Seconds without a byte after which a connection counts as lost; the real stream is never idle."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0
_REMEMBERED = 20_000
_FILE_END = 4 * 2**20
_LOST = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)


class EndedError(Exception):
    """The stream refuses requests for good; the text is its answer."""


class _Meta(msgspec.Struct):
    id: str = ""
    dt: str = ""
    domain: str = ""


class _Event(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


_decode = msgspec.json.Decoder(_Event).decode


def user_agent(contact: str) -> str:
    """Return the User-Agent: Wikimedia asks for the program and a contact of its operator."""
    about = contact or "live SQL views in the browser, run by hand"
    return f"viewstream/0.1.0 ({about}) python-requests/{requests.__version__}"


class Seen:
    """The ids of the latest received events, and the time of the last one."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self.last_time = ""

    def is_new(self, event: bytes) -> bool:
        """Record the event; return False if it was received already, or is a canary.

        An event without an id is new. What is no event is new, too, and `strict` refuses it.
        """
        try:
            meta = _decode(event).meta
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True
        if not meta.id:
            return True
        if meta.id in self._ids or meta.domain == "canary":
            return False
        self._ids[meta.id] = None
        self.last_time = meta.dt
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
        return True


def read_seen(path: Path) -> Seen:
    """Return the events that the last lines of the file have."""
    seen = Seen()
    if path.exists():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _FILE_END))
            for line in file:
                if line.endswith(b"}\n"):
                    seen.is_new(line.removeprefix(b"data: "))
    return seen


def events(
    url: str,
    seen: Seen,
    *,
    contact: str = "",
    report: Callable[[str], None] = lambda message: None,
    silence: float = SILENCE,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Generator[list[bytes]]:
    """Yield batches of the stream's events, without end, as they arrive.

    After a lost connection, which `report` gets, it connects again with full jitter and resumes.
    Raises EndedError if the server refuses for good.
    """
    connection = _Connection(url, seen, contact, silence)
    failures = 0
    while True:
        ordered = 0.0
        try:
            for batch in connection.batches():
                failures = 0
                yield batch
            reason = "the stream ended"
        except _LOST as error:
            reason = f"the connection was lost ({type(error).__name__})"
        except _RetryError as error:
            reason, ordered = str(error), error.seconds
        except requests.RequestException as error:
            raise EndedError(f"{url} cannot be asked: {error}") from error
        ordered = max(ordered, connection.retry)
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2**failures)
        failures += 1
        delay = max(ordered, jitter(0.0, longest))
        report(f"{reason}; connecting again in {delay:.1f} s")
        sleep(delay)


class _RetryError(Exception):
    """The server orders a retry after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Connection:
    """A position in the stream, kept over several connections."""

    def __init__(self, url: str, seen: Seen, contact: str, silence: float) -> None:
        self._url = url
        self._seen = seen
        self._silence = silence
        self._last_id = b""
        self.retry = 0.0
        """Seconds that the server orders to wait after a connection."""
        self._session = requests.Session()
        self._session.headers["User-Agent"] = user_agent(contact)
        self._session.headers["Accept"] = "text/event-stream"
        self._session.headers["Accept-Encoding"] = "identity"  # a compressor would buffer events

    def batches(self) -> Generator[list[bytes]]:
        """Yield the new events of one connection, until it ends; raises RequestException."""
        with self._open() as response:
            parser = sse.Parser(MAX_EVENT, self._last_id)
            # Not iter_content: it waits for the end of an answer without chunked encoding.
            while chunk := response.raw.read1():
                batch = [
                    event.data
                    for event in parser.feed(chunk)
                    if event.type == b"message" and self._seen.is_new(event.data)
                ]
                if batch:
                    yield batch
                # Only now: the consumer has the events, so a retry may resume after them.
                self._last_id = parser.last_id
                self.retry = (parser.retry or 0) / 1000

    def _open(self) -> requests.Response:
        headers: dict[str, str | bytes] = {}
        parameters = {}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        elif self._seen.last_time:
            parameters["since"] = self._seen.last_time
        response = self._session.get(
            self._url,
            params=parameters,
            headers=headers,
            stream=True,
            timeout=(10.0, self._silence),
        )
        try:
            _check(response)
        except BaseException:
            response.close()
            raise
        return response


def _check(response: requests.Response) -> None:
    status = response.status_code
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise _RetryError(f"the stream answers {status}", float(after) if after.isdigit() else 0.0)
    if status != 200:
        raise EndedError(f"the stream answers {status} {response.reason} at {response.url}")
    kind = response.headers.get("Content-Type", "none")
    if not kind.startswith("text/event-stream"):
        raise EndedError(f"expected an event stream at {response.url}, found {kind}")


def answers(url: str, seconds: float, contact: str = "") -> bool:
    """Return whether the stream at `url` sends an event within so many seconds.

    It asks in a thread, which may go on after that: the lookup of a name has no timeout.
    """
    begun: list[bool] = []

    def ask() -> None:
        connection = _Connection(url, Seen(), contact, seconds)
        with (
            contextlib.suppress(*_LOST, requests.RequestException, _RetryError, EndedError),
            contextlib.closing(connection.batches()) as batches,
        ):
            begun.append(next(batches, None) is not None)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return any(begun)
