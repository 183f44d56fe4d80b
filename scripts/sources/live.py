"""Follows Wikimedia's event stream through lost connections: no event is missed or repeated.

Wikimedia resumes after `Last-Event-ID` by a time. Events of another data centre may come late, with
times before the last one that was received. So a connection asks for some seconds more than it
needs, and an event whose id was received already is dropped. A new process reads its position from
the end of the file.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import requests
import urllib3

from scripts.sources import sse
from scripts.sources.strict import MAX_EVENT
from viewstream import __version__

URL = "https://stream.wikimedia.org/v2/stream/recentchange"
SILENCE = 30.0
"""Seconds without a byte after which a connection counts as lost; the real stream is never idle."""

REWIND = 15.0
"""Seconds before its position that a connection asks for again: so late may an event come."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0
_REMEMBERED = 20_000
_FILE_END = 4 * 2**20
_LOST = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)


_FORBIDDEN = (
    "Wikimedia refuses programs whose operator it cannot reach; set VIEWSTREAM_CONTACT to a page or"
    " an address of yours"
)
_FORBIDDEN_ALTHOUGH = "Wikimedia refuses this contact, or this network"


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
    """Return the User-Agent: Wikimedia asks for the program and a contact of its operator.

    It does not name the HTTP library, since Wikimedia refuses some of these by their names.
    """
    return f"viewstream/{__version__} ({contact or 'live SQL views in the browser, run by hand'})"


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
        self._contact = contact
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
            headers["Last-Event-ID"] = rewind_id(self._last_id, REWIND)
        elif self._seen.last_time:
            parameters["since"] = rewind_time(self._seen.last_time, REWIND)
        response = self._session.get(
            self._url,
            params=parameters,
            headers=headers,
            stream=True,
            timeout=(10.0, self._silence),
        )
        try:
            _check(response, self._contact)
        except BaseException:
            response.close()
            raise
        return response


def rewind_id(last_id: bytes, seconds: float) -> bytes:
    """Return Wikimedia's id of an event with earlier times; another id as it is.

    The id is a list of positions, one for each data centre: a time in milliseconds, or an offset.
    """
    try:
        positions: Any = msgspec.json.decode(last_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return last_id
    if not isinstance(positions, list) or not all(isinstance(one, dict) for one in positions):
        return last_id
    for position in positions:
        time = position.get("timestamp")
        if isinstance(time, int) and not isinstance(time, bool):
            position["timestamp"] = max(0, time - round(seconds * 1000))
    return msgspec.json.encode(positions)


def rewind_time(text: str, seconds: float) -> str:
    """Return an earlier ISO 8601 time; the text as it is if it is none."""
    try:
        time = datetime.fromisoformat(text) - timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return text
    return time.isoformat().replace("+00:00", "Z")


def _check(response: requests.Response, contact: str) -> None:
    status = response.status_code
    if status == 403:
        raise EndedError(
            f"the stream answers 403: {_FORBIDDEN_ALTHOUGH if contact else _FORBIDDEN}"
        )
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise _RetryError(f"the stream answers {status}", float(after) if after.isdigit() else 0.0)
    if status != 200:
        raise EndedError(f"the stream answers {status} {response.reason} at {response.url}")
    kind = response.headers.get("Content-Type", "none")
    if not kind.startswith("text/event-stream"):
        raise EndedError(f"expected an event stream at {response.url}, found {kind}")


def find_problem(url: str, seconds: float, contact: str = "") -> str | None:
    """Return why the stream at `url` cannot be followed; None if it sends an event in time.

    It asks in a thread, which may go on after that: the lookup of a name has no timeout.
    """
    answers: list[str | None] = []

    def ask() -> None:
        connection = _Connection(url, Seen(), contact, seconds)
        with contextlib.closing(connection.batches()) as batches:
            try:
                found = next(batches, None)
                answers.append("the stream ended without an event" if found is None else None)
            except (_RetryError, EndedError) as error:
                answers.append(str(error))
            except (requests.Timeout, urllib3.exceptions.TimeoutError):
                pass  # no answer within the time, as below
            except (*_LOST, requests.RequestException) as error:
                answers.append(f"Wikimedia cannot be reached ({type(error).__name__})")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answers[0] if answers else f"Wikimedia did not answer within {seconds:g} s"
