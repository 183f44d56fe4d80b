"""Reads server-sent events, strictly: nothing that EventSource would drop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadEvent:
    """One event, as EventSource dispatches it; `id` is the last id until then."""

    type: str
    id: str
    data: bytes
    retry: int | None = None


class EventReader:
    """Bytes in, events out."""

    def __init__(self) -> None:
        self._buffer = b""
        self._fields: dict[str, str] = {}
        self.last_id = ""
        self.events: list[ReadEvent] = []
        """All that have come whole, and were not taken yet."""
        self.comments = 0

    def feed(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._take_line(line.decode())

    def messages(self) -> list[bytes]:
        """The data of the events that have come whole."""
        taken, self.events = self.events, []
        return [event.data for event in taken]

    def _take_line(self, line: str) -> None:
        assert "\r" not in line
        if line.startswith(":"):
            self.comments += 1
        elif line:
            name, colon, value = line.partition(": ")
            assert colon, f"a line without a value: {line!r}"
            assert name in ("event", "id", "data", "retry"), f"a field without meaning: {line!r}"
            assert name not in self._fields, f"a field twice in one event: {name}"
            self._fields[name] = value
        elif self._fields:
            self._dispatch()

    def _dispatch(self) -> None:
        fields, self._fields = self._fields, {}
        self.last_id = fields.get("id", self.last_id)
        assert fields.get("data"), "an event that EventSource would not dispatch"
        assert fields.get("event"), "an event without a type"
        retry = fields.get("retry")
        self.events.append(
            ReadEvent(
                fields["event"],
                self.last_id,
                fields["data"].encode(),
                None if retry is None else int(retry),
            )
        )
