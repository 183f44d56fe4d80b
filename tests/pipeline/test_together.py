"""The browser library over the whole pipeline: a total and its parts, at one time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.whole import Whole
from tests.support.npm import INSTALLS, TOOLS, install, system_node
from tests.support.processes import Process

pytestmark = INSTALLS

MOMENTS = 60


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_total_is_the_sum_of_its_parts_at_every_common_time(
    tmp_path: Path, transport: str
) -> None:
    install(TOOLS)
    script = TOOLS / "exactness.mjs"
    with Whole(tmp_path) as whole:
        whole.generate(seed=7)
        arguments = [system_node(), script, whole.url, transport, str(MOMENTS)]
        with Process(arguments) as client:
            assert client.popen.stdout is not None
            assert client.popen.stdout.readline() == b"begun\n", client.stderr
            # A lost connection and a new base in between.
            whole.kill("server")
            whole.start("server")
            result = json.loads(client.popen.stdout.readline())
    assert result["moments"] == MOMENTS
    assert result["unequalMoments"] == 0
    # The test could fail: each view by itself is not at the time of the other.
    assert result["unequalLooks"] > 0
    assert result["rewinds"] > 0
    assert result["wrong"] == 0
