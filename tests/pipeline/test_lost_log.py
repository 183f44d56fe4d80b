"""Processes whose log has nowhere to go: a full disk, a collector that has ended, no stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import requests

from scripts.ports import free_port
from tests.support.processes import ROOT, wait_until


def full() -> int:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    return os.open("/dev/full", os.O_WRONLY)


def unread() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def closed() -> int:
    return -1


PLACES = [full, unread, closed]


def start(place: Callable[[], int], *command: str) -> subprocess.Popen[bytes]:
    descriptor = place()
    prepare = (lambda: os.close(2)) if descriptor < 0 else None
    stderr = subprocess.DEVNULL if descriptor < 0 else descriptor
    started = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stderr=stderr, preexec_fn=prepare
    )
    if descriptor >= 0:
        os.close(descriptor)
    return started


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("options", [(), ("--tail", "--processes", "2")], ids=["one", "several"])
def test_a_server_lives_on_without_its_log(
    place: Callable[[], int], options: tuple[str, ...]
) -> None:
    port = free_port()
    listen = ("--listen", f"127.0.0.1:{port}", "--dsn", "host=127.0.0.1 port=1")

    def status_of(path: str) -> int:
        try:
            return requests.get(f"http://127.0.0.1:{port}{path}", timeout=20).status_code
        except requests.ConnectionError:
            return 0

    with start(place, "server", *listen, *options, "top10") as server:
        try:
            wait_until(lambda: status_of("/healthz") == 200, "the server's answer")
            for _ in range(30):
                assert status_of("/view/nothing") == 404  # each would be a line
            assert status_of("/healthz") == 200
            server.terminate()
            assert server.wait(20) == 0
        finally:
            server.kill()


@pytest.mark.parametrize("place", PLACES)
def test_an_engine_lives_on_without_its_log(place: Callable[[], int]) -> None:
    port = free_port()

    def is_up() -> bool:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="materialize").close()
        except psycopg2.OperationalError:
            return False
        return True

    with start(place, "engine", "--listen", f"127.0.0.1:{port}") as engine:
        try:
            wait_until(is_up, "the engine's answer")
            engine.terminate()
            assert engine.wait(20) == 0
        finally:
            engine.kill()
