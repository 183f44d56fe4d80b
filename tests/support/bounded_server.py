"""Runs `python -m server` with tighter bounds: `python -m tests.support.bounded_server JSON ..`.

The JSON object sets fields of `server.app.Bounds`, and in `hub` those of the hub's limits.
"""

from __future__ import annotations

import json
import sys

from server.app import Bounds
from server.command import main
from server.hub.limits import Limits

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    hub = Limits(**given.pop("hub", {}))
    sys.exit(main(sys.argv[2:], Bounds(hub=hub, **given)))
