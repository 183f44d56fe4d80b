"""SQL's functions and operators, a module for each family; importing this makes all known."""

from engine.scalar.functions import arithmetic, comparison, text

__all__ = ["arithmetic", "comparison", "text"]
