"""The Docker files: no daemon runs here, so each command in them is run without one.

The commands run in a copy of what the Dockerfile copies, with the addresses of this machine in
the place of the containers' names.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.support.processes import ROOT, Process, wait_until
from tests.support.scripted_http import ScriptedHttp
from tests.support.scripted_wire import TEXT, ScriptedWire, Session
from viewstream.client import Stream

VIEWS = ["counter", "top10", "useredits"]
PROFILES = ("v0.26", "today", "embedded")
WEBHOOK = "http://engine:6876/api/webhook/materialize/public/wikimedia_posts"


@dataclass
class Service:
    """One service as docker-compose reads it, with the fields that the tests use."""

    command: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    image: str = ""


def services(profile: str, **environment: str) -> dict[str, Service]:
    """The services that start with a profile."""
    found: dict[str, Service] = {}
    name = key = ""
    for line in config(**environment).splitlines():
        if match := re.fullmatch(r"  ([\w-]+):", line):
            name = match[1]
            found[name] = Service()
        elif match := re.match(r"    (\w+):(?: (.*))?", line):
            key = match[1]
            if key == "image":
                found[name].image = match[2]
        elif (match := re.fullmatch(r"    - (.*)", line)) and hasattr(found[name], key):
            getattr(found[name], key).append(match[1].strip("'\""))
    return {
        name: service
        for name, service in found.items()
        if service.image and (not service.profiles or profile in service.profiles)
    }


def config(**environment: str) -> str:
    """Return the file as docker-compose reads it: YAML, each list item on its own line."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    # It is a Python program: our PYTHON* variables must not reach it.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        ["docker-compose", "config"],
        cwd=ROOT,
        env={**kept, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_profile_is_an_engine_and_how_events_reach_it() -> None:
    common = {"sql", "server", "pipeline"}
    assert set(services("v0.26")) == common | {"source", "materialize"}
    assert set(services("today")) == common | {"source-today", "materialize-today"}
    assert set(services("embedded")) == common | {"source", "embedded"}
    assert "COMPOSE_PROFILES=v0.26\n" in (ROOT / ".env").read_text()


def test_the_versions_of_materialize_can_be_set() -> None:
    assert services("v0.26")["materialize"].image == "materialize/materialized:v0.26.4"
    assert services("today")["materialize-today"].image == "materialize/materialized:v26.28.0"
    chosen = {"MATERIALIZE_TAG": "v0.9.4", "MATERIALIZE_TODAY_TAG": "latest"}
    assert services("v0.26", **chosen)["materialize"].image == "materialize/materialized:v0.9.4"
    today = services("today", **chosen)["materialize-today"]
    assert today.image == "materialize/materialized:latest"


def test_the_old_materialize_reports_to_nobody() -> None:
    assert services("v0.26")["materialize"].command == [
        *("--workers", "1", "--logical-compaction-window", "5m", "--disable-telemetry")
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_but_this_machine_reaches_the_ports(profile: str) -> None:
    published = [port for service in services(profile).values() for port in service.ports]
    assert {port.removesuffix("/tcp") for port in published} >= {
        "127.0.0.1:6875:6875",
        "127.0.0.1:8888:8888",
    }
    assert all(port.startswith("127.0.0.1:") for port in published)


def copied() -> list[str]:
    """Return the names that the Dockerfile copies into the image."""
    text = (ROOT / "Dockerfile").read_text()
    return [
        name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()
    ]


def test_the_image_may_copy_what_it_copies() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(allowed) == sorted(copied())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with what the image has."""
    folder = tmp_path / "viewstream"
    folder.mkdir()
    for name in copied():
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, folder)
    return folder


def process(
    command: list[str], replacements: dict[str, str], environment: dict[str, str], image: Path
) -> Process:
    """The command of a container, with the addresses of this machine."""
    for there, here in replacements.items():
        command = [word.replace(there, here) for word in command]
    return Process([sys.executable, *command[1:]], env={"PYTHONPATH": "", **environment}, cwd=image)


def test_the_commands_run_the_demo_from_what_the_image_holds(image: Path, tmp_path: Path) -> None:
    port, engine_port = free_port(), free_port()
    here = {
        "/data": str(tmp_path),
        "/engine": str(tmp_path / "engine"),
        "0.0.0.0:8888": f"127.0.0.1:{port}",
        "0.0.0.0:6875": f"127.0.0.1:{engine_port}",
    }
    environment = {
        "VIEWSTREAM_DSN": f"host=127.0.0.1 port={engine_port} user=materialize dbname=materialize",
        "VIEWSTREAM_URL": f"http://127.0.0.1:{port}",
    }
    with ExitStack() as stack:
        for service in services("embedded").values():
            stack.enter_context(process(service.command, here, environment, image))
        asyncio.run(all_views_come(f"http://127.0.0.1:{port}"))


def test_the_commands_of_today_post_events_and_apply_the_webhook_sql(image: Path) -> None:
    def answer(statement: str, session: Session) -> None:
        if "mz_version" in statement:
            session.rows([("mz_version", TEXT)], [["v26.28.0"]])
        elif "mz_objects" in statement:
            session.rows([("type", TEXT)], [])
        else:
            session.tag("CREATE SOURCE")

    today = services("today")
    with ScriptedHttp() as webhook, ScriptedWire(answer) as wire:
        here = {WEBHOOK: f"{webhook.url}/webhook"}
        with process(today["source-today"].command, here, {}, image):
            wait_until(lambda: len(webhook.requests) > 2, "events are posted")
        assert webhook.requests[0].target == "/webhook"
        with process(today["sql"].command, {}, {"VIEWSTREAM_DSN": wire.dsn}, image) as sql:
            assert sql.wait() == 0
        assert any("wikimedia_posts FROM WEBHOOK" in statement for statement in wire.statements)


async def all_views_come(url: str) -> None:
    follower = Stream(url, VIEWS)
    following = asyncio.create_task(follower.run())
    try:
        states = follower.states.values()
        await follower.until(lambda: all(state.rows and state.position for state in states))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
