"""Functions on text."""

from __future__ import annotations

from engine.scalar.registry import define
from engine.types import TEXT

define("||", (TEXT, TEXT), TEXT, template="{0} + {1}")
define("lower", (TEXT,), TEXT, template="{0}.lower()")
define("upper", (TEXT,), TEXT, template="{0}.upper()")
