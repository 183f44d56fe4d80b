"""Signals that come while a program still imports its modules, which takes up to a second."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import Process

SERVER = (sys.executable, "-m", "server", "--listen", "127.0.0.1:0", "top10")
ENGINE = (sys.executable, "-m", "engine", "--listen", "127.0.0.1:0")
TAIL = (sys.executable, "tail_view.py", "top10")
POST = (sys.executable, "post_deltas.py", "top10")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

PAUSE = """
import os, sys

class Pause:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            with open({fifo!r}) as fifo:
                fifo.read()

sys.meta_path.insert(0, Pause())
"""


@contextmanager
def paused_at_import(folder: Path, module: str, *command: str) -> Iterator[Process]:
    """Start a program; in the `with` block it is about to import a module, and goes on after it."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    (folder / "sitecustomize.py").write_text(PAUSE.format(module=module, fifo=str(fifo)))
    process = Process(command, env={"PYTHONPATH": str(folder)})
    try:
        with fifo.open("w"):  # waits until the program reads
            yield process
    except BaseException:
        process.close()
        raise


@pytest.mark.parametrize("options", [(), ("--tail", "--processes", "2")], ids=["one", "several"])
def test_a_server_that_starts_reloads_on_sighup(tmp_path: Path, options: tuple[str, ...]) -> None:
    with paused_at_import(tmp_path, "tornado", *SERVER, *options) as process:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            process.send(number)
    with process:
        process.wait_for("listening on")
        process.wait_for("were read again")
        process.send(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("options", [(), ("--tail", "--processes", "2")], ids=["one", "several"])
def test_a_server_that_starts_ends_in_good_order(
    tmp_path: Path, options: tuple[str, ...], number: signal.Signals
) -> None:
    with paused_at_import(tmp_path, "tornado", *SERVER, *options) as process:
        process.send(number)
    with process:
        assert process.wait() == 0
        assert "Traceback" not in process.output


@pytest.mark.parametrize("number", [*ENDING, signal.SIGHUP])
def test_an_engine_that_starts_ends_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    with paused_at_import(tmp_path, "sqlglot", *ENGINE) as process:
        process.send(number)
    with process:
        assert process.wait() == 0
        assert "Traceback" not in process.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("command", "module"), [(TAIL, "psycopg2"), (POST, "requests")])
def test_a_script_that_starts_ends_quietly(
    tmp_path: Path, command: tuple[str, ...], module: str, number: signal.Signals
) -> None:
    with paused_at_import(tmp_path, module, *command) as process:
        process.send(number)
    with process:
        assert process.wait() == -number
        assert process.output == ""
