"""The two scripts as a person uses them: in a shell's pipe."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

from tests.support.processes import ROOT, Process, wait_until
from tests.support.scripted_http import Answer, Request, ScriptedHttp
from tests.support.scripted_tail import EPOCH, Engine, play
from tests.support.scripted_wire import ScriptedWire
from tests.support.tail_text import progress, row
from viewstream.protocol import MAX_TIME

PYTHON = shlex.quote(sys.executable)


def test_head_ends_it_though_the_view_is_idle() -> None:
    with ScriptedWire(Engine([play(progress(50))])) as wire:
        done = subprocess.run(
            ["sh", "-c", f"{PYTHON} tail_view.py top10 --dsn '{wire.dsn}' | head -n 2"],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
    assert done.stdout == f"# epoch {EPOCH}\n".encode() + progress(50)
    assert (done.stderr, done.returncode) == (b"", 0)


def test_ctrl_c_ends_both_at_once_and_quietly() -> None:
    with ScriptedWire(Engine([play(progress(50))])) as wire, ScriptedHttp() as server:
        line = (
            f"{PYTHON} tail_view.py top10 --dsn '{wire.dsn}'"
            f" | {PYTHON} post_deltas.py top10 --server {server.url}"
        )
        # A terminal sends the signal to everything in the foreground: to the whole session here.
        with Process(["setsid", "sh", "-c", line]) as shell:
            wait_until(lambda: server.deltas, "it is posted")
            os.killpg(shell.popen.pid, signal.SIGINT)
            assert shell.wait() != 0
            assert shell.stderr == ""


def test_the_line_of_the_manual_resumes_where_the_server_stands() -> None:
    def stands(request: Request) -> Answer:
        return Answer(200, {"view": "top10", "epoch": EPOCH, "frontier": 40})

    with (
        ScriptedWire(Engine([play(row(41, 1, "a"), wait=False)])) as wire,
        ScriptedHttp(stands) as server,
    ):
        post = f"{PYTHON} post_deltas.py top10 --server {server.url}"
        tail = f"{PYTHON} tail_view.py top10 --dsn '{wire.dsn}'"
        subprocess.run(
            ["sh", "-c", f'{tail} --resume "$({post} --frontier)" | {post}'],
            cwd=ROOT,
            check=True,
            timeout=60,
        )
    (copy,) = (statement for statement in wire.statements if "COPY" in statement)
    assert copy.endswith(" AS OF 39) TO STDOUT")
    assert [(delta.lower, delta.upper) for delta in server.deltas] == [(40, 40), (40, MAX_TIME)]
    assert server.deltas[1].updates == [(41, 1, ("a",))]
