"""interval: months, days and microseconds, kept apart, for months and days vary in length.

Intervals are compared by months, then days, then microseconds, as Materialize does: `1 month` is
greater than `40 days`, and `24 hours` is not `1 day`. The type and its syntax are in
`interval_type.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SqlError

DAY = 86_400_000_000
"""Microseconds of a day of 24 hours."""
MONTH = 30 * DAY
"""Microseconds of a month of 30 days."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __post_init__(self) -> None:
        in_range = (
            -(2**31) <= self.months < 2**31
            and -(2**31) <= self.days < 2**31
            and -(2**63) <= self.microseconds < 2**63
        )
        if not in_range:
            raise interval_out_of_range()

    @property
    def length(self) -> int:
        """Microseconds, with months of 30 days and days of 24 hours."""
        return self.months * MONTH + self.days * DAY + self.microseconds

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, -self.microseconds)

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.months + other.months,
            self.days + other.days,
            self.microseconds + other.microseconds,
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other


def interval_out_of_range() -> SqlError:
    return SqlError("interval out of range", "22008")


def fraction_text(microseconds: int) -> str:
    """`.5` for 500000 microseconds, nothing for none: as many decimals as needed."""
    return f".{microseconds:06d}".rstrip("0") if microseconds else ""
