"""to_char: dates and times in a format such as `YYYY-MM-DD HH24:MI:SS`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from engine.scalar.functions.dates import MOMENTS
from engine.scalar.registry import define
from engine.types import TEXT

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

Writer = Callable[[datetime], str]


def _number(width: int, read: Callable[[datetime], int]) -> tuple[Writer, Writer]:
    """A field of digits: padded with zeros, and as it is (after FM)."""
    return (lambda moment: f"{read(moment):0{width}d}", lambda moment: str(read(moment)))


def _word(width: int, read: Writer) -> tuple[Writer, Writer]:
    """A field of letters: padded with blanks, and as it is (after FM)."""
    return (lambda moment: read(moment).ljust(width), read)


def _names(width: int, pattern: str, read: Writer) -> dict[str, tuple[Writer, Writer]]:
    """A name in the three spellings of its pattern: `MONTH`, `Month`, `month`."""
    return {
        pattern.upper(): _word(width, lambda moment: read(moment).upper()),
        pattern.capitalize(): _word(width, read),
        pattern.lower(): _word(width, lambda moment: read(moment).lower()),
    }


def _half(upper: str, before: str, after: str) -> dict[str, tuple[Writer, Writer]]:
    def write(moment: datetime) -> str:
        return before if moment.hour < 12 else after

    return _names(0, upper, write) | {
        upper.upper(): _word(0, lambda moment: write(moment).upper()),
        upper.lower(): _word(0, lambda moment: write(moment).lower()),
    }


def _weekday(moment: datetime) -> str:
    return _DAYS[moment.isoweekday() % 7]


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday


def _iso(part: int) -> Callable[[datetime], int]:
    return lambda moment: int(moment.isocalendar()[part])


_FIELDS: dict[str, tuple[Writer, Writer]] = {
    "HH24": _number(2, lambda m: m.hour),
    "HH12": _number(2, lambda m: (m.hour + 11) % 12 + 1),
    "HH": _number(2, lambda m: (m.hour + 11) % 12 + 1),
    "MI": _number(2, lambda m: m.minute),
    "SSSS": _number(1, lambda m: (m.hour * 60 + m.minute) * 60 + m.second),
    "SS": _number(2, lambda m: m.second),
    "MS": _number(3, lambda m: m.microsecond // 1000),
    "US": _number(6, lambda m: m.microsecond),
    "Y,YYY": _word(0, lambda m: f"{m.year:,}"),
    "YYYY": _number(4, lambda m: m.year),
    "YYY": _number(3, lambda m: m.year % 1000),
    "YY": _number(2, lambda m: m.year % 100),
    "Y": _number(1, lambda m: m.year % 10),
    "IYYY": _number(4, _iso(0)),
    "IYY": _number(3, lambda m: m.isocalendar()[0] % 1000),
    "IY": _number(2, lambda m: m.isocalendar()[0] % 100),
    "IDDD": _number(3, lambda m: (m.isocalendar()[1] - 1) * 7 + m.isocalendar()[2]),
    "ID": _number(1, _iso(2)),
    "IW": _number(2, _iso(1)),
    "I": _number(1, lambda m: m.isocalendar()[0] % 10),
    "MM": _number(2, lambda m: m.month),
    "DDD": _number(3, _day_of_year),
    "DD": _number(2, lambda m: m.day),
    "D": _number(1, lambda m: m.isoweekday() % 7 + 1),
    "WW": _number(2, lambda m: (_day_of_year(m) - 1) // 7 + 1),
    "W": _number(1, lambda m: (m.day - 1) // 7 + 1),
    "CC": _number(2, lambda m: -(-m.year // 100)),
    "Q": _number(1, lambda m: (m.month + 2) // 3),
    "J": _number(1, lambda m: m.toordinal() + 1_721_425),
    "RM": _word(4, lambda m: _ROMAN[m.month - 1]),
    "rm": _word(4, lambda m: _ROMAN[m.month - 1].lower()),
    "TZH": _word(0, lambda _: "+00"),
    "TZM": _word(0, lambda _: "00"),
    "OF": _word(0, lambda _: "+00"),
    "TZ": _word(0, lambda _: "UTC"),
    "tz": _word(0, lambda _: "utc"),
    "BC": _word(0, lambda _: "AD"),
    "AD": _word(0, lambda _: "AD"),
    "B.C.": _word(0, lambda _: "A.D."),
    "A.D.": _word(0, lambda _: "A.D."),
    **_names(9, "month", lambda m: _MONTHS[m.month - 1]),
    **_names(0, "mon", lambda m: _MONTHS[m.month - 1][:3]),
    **_names(9, "day", _weekday),
    **_names(0, "dy", lambda m: _weekday(m)[:3]),
    **_half("am", "am", "pm"),
    **_half("pm", "am", "pm"),
    **_half("a.m.", "a.m.", "p.m."),
    **_half("p.m.", "a.m.", "p.m."),
}
# Digits may be asked for in small letters too, with the same meaning.
_FIELDS |= {name.lower(): field for name, field in _FIELDS.items() if name.lower() not in _FIELDS}
_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"?|(?P<fill>FM|fm)?(?P<field>'
    + "|".join(map(re.escape, sorted(_FIELDS, key=len, reverse=True)))
    + r")(?P<ordinal>TH|th)?|\\(?P<escaped>.)|(?P<other>.)",
    re.DOTALL,
)


def _ordinal(digits: str, upper: bool) -> str:
    """The English ending of a number: st, nd, rd, th."""
    last = digits[-1:]
    teens = len(digits) > 1 and digits[-2] == "1"
    ending = "th" if teens else {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
    return ending.upper() if upper else ending


@lru_cache(maxsize=256)
def _writers(form: str) -> tuple[Writer, ...]:
    return tuple(_writer(match) for match in _TOKEN.finditer(form))


def _writer(match: re.Match[str]) -> Writer:
    if match["field"] is None:
        literal = match["other"] or match["escaped"]
        if match["quoted"] is not None:
            literal = re.sub(r"\\(.)", r"\1", match["quoted"])
        return lambda _: literal or ""
    write = _FIELDS[match["field"]][1 if match["fill"] else 0]
    ordinal = match["ordinal"]
    if ordinal is None:
        return write
    return lambda moment: (text := write(moment)) + _ordinal(text, ordinal == "TH")


def to_char(moment: datetime, form: str) -> str:
    """The moment in the format; a timestamptz is shown in UTC."""
    return "".join([write(moment) for write in _writers(form)])


for _type in MOMENTS:
    define("to_char", (_type, TEXT), TEXT, to_char)
