"""Raises the recursion limit before Hypothesis notes it: the engine does so once, and for good."""

from engine.code import room_for_nesting

with room_for_nesting():
    pass
