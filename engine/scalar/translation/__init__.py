"""How each kind of sqlglot's trees becomes typed nodes; importing this makes all known."""

from engine.scalar.translation import calls, conditions, literals, operators, values
from engine.scalar.translation.translator import Translator

__all__ = ["Translator", "calls", "conditions", "literals", "operators", "values"]
