"""Time, state and the only writer: what stands between the sessions and the dataflows."""

from engine.coordinator.coordinator import Coordinator
from engine.coordinator.options import EngineOptions
from engine.coordinator.reads import END_OF_TIME, PeekResult, ReadTransaction
from engine.coordinator.subscription import SubscribedRow, Subscription
from engine.coordinator.writes import Write

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
