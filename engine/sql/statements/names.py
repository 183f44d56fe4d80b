"""The name of a relation as a statement gives it."""

from __future__ import annotations

from typing import TypeAlias

Name: TypeAlias = tuple[str, ...]
