"""The report of a benchmark: measures, and bars that a ratio or a value must keep."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Measure:
    """One figure of one contender; `samples` are those of single runs."""

    name: str
    value: float
    unit: str
    samples: list[float] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar: `value` must be at most (`<=`) or at least (`>=`) `limit`."""

    name: str
    value: float
    relation: str
    limit: float
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit


Part: TypeAlias = tuple[list[Measure], list[Bar]]
"""The measures and bars of one part of a benchmark."""


@dataclass(frozen=True)
class Report:
    """The whole outcome of one benchmark run."""

    title: str
    measures: list[Measure]
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        machine = {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        }
        bars = [{**asdict(bar), "met": bar.met} for bar in self.bars]
        return json.dumps({**asdict(self), "bars": bars, "machine": machine}, indent=2)

    def as_text(self) -> str:
        lines = [self.title, ""]
        width = max((len(measure.name) for measure in self.measures), default=0)
        for measure in self.measures:
            spread = ""
            if len(measure.samples) > 1:
                spread = f"  [{min(measure.samples):,.4g} .. {max(measure.samples):,.4g}]"
            note = f"  {measure.note}" if measure.note else ""
            lines.append(
                f"  {measure.name:<{width}}  {measure.value:>12,.4g} {measure.unit}{spread}{note}"
            )
        lines.append("")
        for bar in self.bars:
            verdict = "met" if bar.met else "MISSED"
            lines.append(
                f"  {verdict:>6}  {bar.name}: {bar.value:,.3g} {bar.unit}"
                f" ({bar.relation} {bar.limit:g})"
            )
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)
