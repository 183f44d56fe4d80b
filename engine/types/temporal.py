"""date, time, timestamp, and timestamptz.

Values are Python's `date`, `time` and naive `datetime`; a timestamptz is kept in UTC, which is
the session's only time zone. So years run from 1 to 9999, and what lies beyond is an error.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import SqlError
from engine.types.base import SqlType, invalid_binary, invalid_syntax, shorten
from engine.types.interval import fraction_text

EPOCH = datetime(2000, 1, 1)
"""PostgreSQL's epoch: its binary forms count days and microseconds from here."""
UNIX_EPOCH = datetime(1970, 1, 1)
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)

_BETWEEN = r"[\s!-*,/;-@\[-`{-~]+"
"""Blanks and punctuation that may separate the parts of a date."""
_STAMP = re.compile(
    rf"\s*(?:(?P<compact>\d{{6,8}})(?![\d:-])|"
    rf"(?P<year>\d{{1,6}})(?:-|{_BETWEEN})(?P<month>\d{{1,2}})(?:-|{_BETWEEN})(?P<day>\d{{1,2}}))?"
    rf"(?:(?(compact)(?:{_BETWEEN}:*|T)|(?(year)(?:{_BETWEEN}:*|T)))"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})"
    r"(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d*))?)?)?"
    r"\s*(?P<zone>Z|[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?|(?!(?:BC|AD)\s*$)[A-Z][\w/+-]*)?"
    r"\s*(?P<era>BC|AD)?\s*",
    re.ASCII | re.IGNORECASE,
)
_LONGEST = 200
"""Characters of a text that may be a date or time: the pattern backtracks over long blanks."""
_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?", re.ASCII)


def out_of_range(sql_name: str, text: str = "") -> SqlError:
    """The error for a date or time beyond the calendar or the range of the type (22008)."""
    shown = f': "{shorten(text)}"' if text else ""
    return SqlError(f"{sql_name} out of range{shown}", "22008")


@lru_cache(maxsize=256)
def time_zone(name: str) -> tzinfo:
    """The zone of a name (`UTC`, `Europe/Paris`) or an offset (`+05:30`); raises SqlError 22023."""
    text = name.strip()
    if text.upper() in ("UTC", "Z", "GMT", "ZULU"):
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is not None:
        sign, hours, minutes, seconds = match.groups("0")
        offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        if offset <= timedelta(hours=15, minutes=59, seconds=59):
            return timezone(-offset if sign == "-" else offset)
    else:
        try:
            return ZoneInfo(text)
        except (OSError, ValueError, KeyError):
            pass
    raise SqlError(f'time zone "{shorten(name)}" not recognized', "22023")


def posix_time_zone(name: str) -> tzinfo:
    """The same, but an offset counts west of UTC."""
    text = name.strip()
    flipped = {"+": "-", "-": "+"}.get(text[:1])
    return time_zone(name if flipped is None else flipped + text[1:])


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """The naive UTC moment of the local time `local` in `zone`."""
    try:
        return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise out_of_range("timestamp") from None


def to_local(moment: datetime, zone: tzinfo) -> datetime:
    """Return the local time in `zone` at the naive UTC `moment`."""
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise out_of_range("timestamp") from None


def _match(sql_name: str, text: str) -> re.Match[str]:
    match = _STAMP.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise invalid_datetime(sql_name, text)
    return match


def invalid_datetime(sql_name: str, text: str) -> SqlError:
    """The error for a text that is no date or time (22007)."""
    error = invalid_syntax(sql_name, text)
    error.code = "22007"
    return error


def _date(sql_name: str, text: str, match: re.Match[str]) -> date:
    if match["compact"] is not None:
        year, month, day = _compact_date(match["compact"])
    elif match["year"] is not None:
        year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    else:
        raise invalid_datetime(sql_name, text)
    try:
        if (match["era"] or "").upper() == "BC":
            raise ValueError("years before 1 are not supported")
        return date(year, month, day)
    except ValueError:
        raise out_of_range("date/time field value", text) from None


def _compact_date(digits: str) -> tuple[int, int, int]:
    """`20200102`, or `200102`, whose year is one from 1970 to 2069."""
    year = int(digits[:-4])
    if len(digits) == 6:
        year += 2000 if year < 70 else 1900
    return year, int(digits[-4:-2]), int(digits[-2:])


def _time_of_day(text: str, match: re.Match[str]) -> timedelta:
    """The time since midnight, rounded to microseconds; the second 60 carries over."""
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    fraction = (match["fraction"] or "")[:9]
    since = timedelta(hours=hour, minutes=minute, seconds=second)
    if hour > 23 or minute > 59 or second > 60:
        raise out_of_range("date/time field value", text)
    return since + timedelta(microseconds=round(int(fraction or 0) * 10 ** (6 - len(fraction))))


class Date(SqlType):
    def to_text(self, value: Any) -> str:
        return str(value.isoformat())

    def from_text(self, text: str) -> date:
        if text.strip().lower() == "epoch":
            return UNIX_EPOCH.date()
        return _date(self.sql_name, text, _match(self.sql_name, text))

    def to_binary(self, value: Any) -> bytes:
        return struct.pack(">i", (value - EPOCH.date()).days)

    def from_binary(self, data: bytes) -> date:
        if len(data) != 4:
            raise invalid_binary(self.sql_name, data)
        try:
            return EPOCH.date() + timedelta(days=struct.unpack(">i", data)[0])
        except OverflowError:
            raise out_of_range("date") from None


class Time(SqlType):
    def to_text(self, value: Any) -> str:
        return f"{value:%H:%M:%S}{fraction_text(value.microsecond)}"

    def from_text(self, text: str) -> time:
        match = _match(self.sql_name, text)
        if match["hour"] is None:
            raise invalid_datetime(self.sql_name, text)
        since = _time_of_day(text, match)
        if since >= _DAY:
            raise out_of_range("date/time field value", text)
        return (EPOCH + since).time()

    def to_binary(self, value: Any) -> bytes:
        return struct.pack(">q", (datetime.combine(EPOCH, value) - EPOCH) // _MICROSECOND)

    def from_binary(self, data: bytes) -> time:
        if len(data) != 8:
            raise invalid_binary(self.sql_name, data)
        microseconds = struct.unpack(">q", data)[0]
        if not 0 <= microseconds < _DAY // _MICROSECOND:
            raise out_of_range("time")
        return (EPOCH + timedelta(microseconds=microseconds)).time()


class Timestamp(SqlType):
    """With `zoned`, a timestamptz: texts are read with their zone (default UTC), printed in UTC."""

    def __init__(self, name: str, sql_name: str, oid: int, array_oid: int, zoned: bool) -> None:
        super().__init__(name, sql_name, oid, array_oid, 8, "D")
        self._zoned = zoned

    def to_text(self, value: Any) -> str:
        text = f"{value.isoformat(' ', 'seconds')}{fraction_text(value.microsecond)}"
        return text + "+00" if self._zoned else text

    def from_text(self, text: str) -> datetime:
        if text.strip().lower() == "epoch":
            return UNIX_EPOCH
        match = _match(self.sql_name, text)
        day = _date(self.sql_name, text, match)
        try:
            value = datetime.combine(day, time()) + _time_of_day(text, match)
        except OverflowError:
            raise out_of_range("timestamp", text) from None
        if match["zone"] is None:
            return value
        zone = time_zone(match["zone"])
        return to_utc(value, zone) if self._zoned else value

    def to_binary(self, value: Any) -> bytes:
        return struct.pack(">q", (value - EPOCH) // _MICROSECOND)

    def from_binary(self, data: bytes) -> datetime:
        if len(data) != 8:
            raise invalid_binary(self.sql_name, data)
        try:
            return EPOCH + timedelta(microseconds=struct.unpack(">q", data)[0])
        except OverflowError:
            raise out_of_range("timestamp") from None


DATE = Date("date", "date", 1082, 1182, 4, "D")
TIME = Time("time", "time", 1083, 1183, 8, "D")
TIMESTAMP = Timestamp("timestamp", "timestamp", 1114, 1115, zoned=False)
TIMESTAMPTZ = Timestamp("timestamptz", "timestamp with time zone", 1184, 1185, zoned=True)
