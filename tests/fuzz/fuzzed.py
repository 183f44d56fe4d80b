"""The type of a target of the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fuzzed:
    """A target, and inputs from which the fuzzer begins."""

    run: Callable[[bytes], None]
    seeds: list[bytes]
