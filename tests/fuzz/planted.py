"""A target with a fault, to prove that the fuzzer reports one."""

from __future__ import annotations

from tests.fuzz.fuzzed import Fuzzed


def _fail(data: bytes) -> None:
    if data.startswith(b"boom"):
        raise ValueError("a planted fault")


TARGETS = {"planted": Fuzzed(_fail, [b"boom!"])}
