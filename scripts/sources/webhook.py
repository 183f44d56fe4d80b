"""Posts events to a webhook source of Materialize: each one, whatever happens on the way.

A body has many events, one JSON object a line. The source of events waits while a body is posted,
and while the webhook is away: nothing is queued without bound and nothing is skipped.

A webhook has no transactions. When the connection breaks before the answer, nobody knows whether
the events were taken; they are posted again, and `sql/webhook/` keeps each event once by its id. So
nothing is lost or doubled while this process lives. What it had not posted when it was killed is
lost, unless the source of events has it still.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import requests

from scripts.sources.append import FullError
from scripts.sources.strict import RefusedError, line_of
from viewstream.backoff import Backoff

MAX_BODY = 4_500_000
"""Bytes of a body; Materialize takes 5 MB."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Bounds, in seconds, of the growing random delay before a retry."""
LONGEST_RETRY_AFTER = 60.0
"""Seconds: a webhook that asks for more is asked again after these."""
TIMEOUTS = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""

_PREFIX = len(b"data: ")
_TOO_LARGE, _UNREADABLE = 413, 400
_REFUSED_FOR_GOOD = {401, 403, 405, 415}
_SECONDS = re.compile(r"[0-9]{1,9}")


class WebhookError(Exception):
    """The webhook refuses to take events, whatever they are; the text says why."""


class Webhook:
    """Posts events to `url`; has the interface of `Appender`.

    `limit` is the number of bytes after which it stops. `written` and `size` count events and
    bytes that were posted, `refused` counts what was left out, by reason. `report` gets a sentence
    when the webhook begins to fail, and when it is back.
    """

    repaired = False

    def __init__(
        self,
        url: str,
        limit: int | None,
        *,
        report: Callable[[str], None] = lambda sentence: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.limit = limit
        self.written = 0
        self.size = 0
        self.refused: Counter[str] = Counter()
        self._report = report
        self._sleep = sleep
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of the environment is meant for the engine.
        self._session.trust_env = False
        self._session.headers["Content-Type"] = "application/json"

    @property
    def summary(self) -> str:
        return f"{self.written:,} events posted, {self.size:,} bytes"

    def append(self, events: Iterable[bytes]) -> None:
        """Post the events; count and leave out those that no webhook could read.

        Returns when all are taken. Raises FullError once the limit is reached, and WebhookError.
        """
        for body in self._bodies(events):
            if self.limit is not None and self.size + sum(map(len, body)) > self.limit:
                raise FullError(f"{self.limit:,} bytes were posted, which is the limit")
            self._deliver(body)

    def _bodies(self, events: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Group the lines of events into bodies that the webhook takes."""
        lines: list[bytes] = []
        size = 0
        for event in events:
            try:
                line = line_of(event)[_PREFIX:]
            except RefusedError as error:
                self.refused[str(error)] += 1
                continue
            if lines and size + len(line) > MAX_BODY:
                yield lines
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            yield lines

    def _deliver(self, lines: list[bytes]) -> None:
        """Post lines until they are taken; halve a body that is refused, to find out which."""
        status = self._post(b"".join(lines))
        if status is None:
            self.written += len(lines)
            self.size += sum(map(len, lines))
        elif len(lines) > 1:
            middle = len(lines) // 2
            self._deliver(lines[:middle])
            self._deliver(lines[middle:])
        else:
            self.refused[f"refused by the webhook ({status})"] += 1

    def _post(self, body: bytes) -> int | None:
        """Post one body until it is taken (None) or refused (400 or 413)."""
        reported = ""
        self._backoff.reset()
        while True:
            try:
                response = self._session.post(
                    self.url, body, timeout=TIMEOUTS, allow_redirects=False
                )
            except requests.RequestException as error:
                reason, least = f"the webhook does not answer: {_innermost(error)}", 0.0
            else:
                status = response.status_code
                if 200 <= status < 300:
                    break
                if status in (_TOO_LARGE, _UNREADABLE):
                    return status
                reason = f"the webhook answered {status}: {response.text.strip()[:200]}"
                if status in _REFUSED_FOR_GOOD or 300 <= status < 400:
                    raise WebhookError(reason)
                least = _retry_after(response)
            if reason != reported:
                self._report(f"{reason}; trying again")
                reported = reason
            self._sleep(least + self._backoff.next_delay())
        if reported:
            self._report("the webhook takes events again")
        return None

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _innermost(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), LONGEST_RETRY_AFTER) if _SECONDS.fullmatch(value) else 0.0
