"""Posts deltas to a server over requests, for `post_deltas.py`; every retry is harmless.

requests is not a requirement of the package, only of this module.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import requests

from viewstream.backoff import Backoff
from viewstream.protocol import Position, ProtocolError, parse_position

FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
"""Bounds, in seconds, of the growing random delay before a retry."""
LONGEST_RETRY_AFTER = 60.0
"""Seconds: a server that asks for more is asked again after these."""
TIMEOUTS = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""

_RETRIED = {408, 409, 429}
_REFUSED_FOR_GOOD = {400, 401, 403, 404, 415}
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")


class RefusedError(Exception):
    """The server refuses a request, which no retry of that request would change.

    `is_for_good` says that a new start cannot help either: the view, the token or the sender is
    refused, and not this one delta.
    """

    def __init__(self, message: str, *, is_for_good: bool) -> None:
        super().__init__(message)
        self.is_for_good = is_for_good


class _Frontier(msgspec.Struct):
    epoch: str | None
    frontier: int | None


class Poster:
    """Talks to the server at `url` about one view, over one connection that is kept.

    `report` gets a sentence when the server begins to fail, and when it is back.
    """

    def __init__(
        self,
        url: str,
        view: str,
        token: str = "",
        *,
        report: Callable[[str], None] = lambda sentence: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._view = view
        self._report = report
        self._sleep = sleep
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of the environment is meant for the server.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.headers["Content-Type"] = "application/json"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def frontier(self) -> Position | None:
        """Return the head of the server's log, or None if it has none.

        Raises RefusedError, RequestException and ProtocolError.
        """
        response = self._session.get(
            f"{self._url}/view/frontier",
            params={"view": self._view},
            timeout=TIMEOUTS,
            allow_redirects=False,
        )
        if response.status_code != 200:
            raise _refusal(response)
        try:
            head = msgspec.json.decode(response.content, type=_Frontier)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"expected an epoch and a frontier: {error}") from error
        if head.epoch is None or head.frontier is None:
            return None
        return parse_position(f"{head.epoch}:{head.frontier}")

    def post(self, body: bytes) -> None:
        """Post a delta until the server takes it; raises RefusedError if it never will."""
        reported = ""
        self._backoff.reset()
        while True:
            try:
                response = self._session.post(
                    f"{self._url}/view/deltas", body, timeout=TIMEOUTS, allow_redirects=False
                )
            except requests.RequestException as error:
                reason, least = reason_of(error), 0.0
            else:
                if response.status_code == 200:
                    break
                if response.status_code < 500 and response.status_code not in _RETRIED:
                    raise _refusal(response)
                reason, least = _answer(response), _retry_after(response)
            if reason != reported:
                self._report(f"{reason}; trying again")
                reported = reason
            self._sleep(least + self._backoff.next_delay())
        if reported:
            self._report("the server takes deltas again")


def read_token(environ: Mapping[str, str]) -> str:
    """Return the token that the server demands, or ""; raises OSError."""
    path = environ.get("VIEWSTREAM_TOKEN_FILE")
    if environ.get("VIEWSTREAM_TOKEN") or not path:
        return environ.get("VIEWSTREAM_TOKEN", "")
    return Path(path).read_text("utf-8", errors="replace").strip()


def reason_of(error: BaseException) -> str:
    """Return why a request failed: the innermost error, which says it in plain words."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"the server does not answer: {text or type(error).__name__}"


def _refusal(response: requests.Response) -> RefusedError:
    if response.is_redirect:
        place = response.headers["Location"]
        sentence = f"the server has moved to {place[:500]!r}: give its address by --server"
        return RefusedError(sentence, is_for_good=True)
    is_for_good = response.status_code in _REFUSED_FOR_GOOD
    return RefusedError(_answer(response), is_for_good=is_for_good)


def _answer(response: requests.Response) -> str:
    """Return the server's own sentence, with its status."""
    try:
        sentence = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        sentence = response.text.strip().partition("\n")[0][:500] or response.reason
    return f"the server answered {response.status_code}: {sentence}"


def _retry_after(response: requests.Response) -> float:
    """Return the seconds that the server asks to wait, bounded; 0 if it asks for none."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), LONGEST_RETRY_AFTER) if _SECONDS.fullmatch(value) else 0.0
