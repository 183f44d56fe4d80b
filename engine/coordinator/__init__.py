"""Time, state and the only writer, between the sessions and the dataflows."""

from engine.coordinator.coordinator import Coordinator
from engine.coordinator.options import EngineOptions
from engine.coordinator.reads import END_OF_TIME, PeekResult, ReadTransaction
from engine.coordinator.sharing import BLOCK_ROWS
from engine.coordinator.subscribed_change import SubscribedChange
from engine.coordinator.subscription import Subscription
from engine.coordinator.write_plans import CopyTarget, Write
from engine.coordinator.writes import CopiedRows

__all__ = [
    "BLOCK_ROWS",
    "END_OF_TIME",
    "Coordinator",
    "CopiedRows",
    "CopyTarget",
    "EngineOptions",
    "PeekResult",
    "ReadTransaction",
    "SubscribedChange",
    "Subscription",
    "Write",
]
