"""A pipeline whose network dies and comes back, or stays dead; run it in a network namespace.

unshare -rn python -m tests.scripts.network_death heals|ends
"""

from __future__ import annotations

import subprocess
import sys

from tests.scripts.test_pipeline import Server, start
from tests.support.processes import wait_until
from tests.support.scripted_http import ScriptedHttp
from tests.support.scripted_tail import Engine, play
from tests.support.scripted_wire import ScriptedWire
from tests.support.tail_text import progress

PATIENCE = "3"


def set_network(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def main(what: str) -> None:
    set_network("up")
    with (
        ScriptedWire(Engine([play(progress(50)), play(progress(60)), play(progress(70))])) as wire,
        ScriptedHttp(Server()) as server,
    ):
        options = ["--give-up-after", PATIENCE] if what == "ends" else []
        with start(wire, server, *options, "top10") as process:
            wait_until(lambda: server.deltas, "it is posted")
            set_network("down")
            if what == "ends":
                assert process.wait(90) == 1, process.stderr
                assert "the server has not answered for 3 s: ending" in process.stderr
                return
            process.wait_for("starting again|trying again", 90)
            posted = len(server.deltas)
            set_network("up")
            wait_until(lambda: len(server.deltas) > posted, "it is posted again", 90)


if __name__ == "__main__":
    main(sys.argv[1])
