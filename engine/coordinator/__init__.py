"""Time, state and the only writer: what stands between the sessions and the dataflows."""

from engine.coordinator.coordinator import Coordinator, Write
from engine.coordinator.options import EngineOptions
from engine.coordinator.reads import END_OF_TIME, PeekResult, ReadTransaction
from engine.coordinator.subscription import SubscribedRow, Subscription

__all__ = [
    "END_OF_TIME",
    "Coordinator",
    "EngineOptions",
    "PeekResult",
    "ReadTransaction",
    "SubscribedRow",
    "Subscription",
    "Write",
]
