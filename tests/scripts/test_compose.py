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
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
import yaml

from scripts.ports import free_port
from scripts.serving.demo_plan import INTERNAL, PIPED, demo_views
from tests.support.processes import ROOT, Process, wait_until
from tests.support.scripted_http import ScriptedHttp
from tests.support.scripted_wire import TEXT, ScriptedWire, Session
from viewstream.client import Stream

VIEWS = tuple(view for view in demo_views() if view not in INTERNAL)
PROFILES = ("v0.26", "today", "embedded")
WEBHOOK = "http://engine:6876/api/webhook/materialize/public/wikimedia_posts"


Service: TypeAlias = dict[str, Any]
"""One service as docker-compose reads it."""


def services(profile: str, **environment: str) -> dict[str, Service]:
    """The services that start with a profile."""
    found: dict[str, Service] = yaml.safe_load(config(**environment))["services"]
    return {
        name: service
        for name, service in found.items()
        if profile in service.get("profiles", [profile])
    }


def config(**environment: str) -> str:
    """Return the file as docker-compose reads it, in YAML."""
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
    common = {"token", "sql", "server", "pipeline"}
    assert set(services("v0.26")) == common | {"source", "materialize"}
    assert set(services("today")) == common | {"source-today", "materialize-today"}
    assert set(services("embedded")) == common | {"source", "embedded"}
    assert "COMPOSE_PROFILES=v0.26\n" in (ROOT / ".env").read_text()


def test_the_versions_of_materialize_can_be_set() -> None:
    assert services("v0.26")["materialize"]["image"] == "materialize/materialized:v0.26.4"
    assert services("today")["materialize-today"]["image"] == "materialize/materialized:v26.28.0"
    chosen = {"MATERIALIZE_TAG": "v0.9.4", "MATERIALIZE_TODAY_TAG": "latest"}
    assert services("v0.26", **chosen)["materialize"]["image"] == "materialize/materialized:v0.9.4"
    today = services("today", **chosen)["materialize-today"]
    assert today["image"] == "materialize/materialized:latest"


def test_the_old_materialize_reports_to_nobody() -> None:
    assert services("v0.26")["materialize"]["command"] == [
        *("--workers", "1", "--logical-compaction-window", "5m", "--disable-telemetry")
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_only_the_web_port_is_published_and_to_this_machine_only(profile: str) -> None:
    published = [port for one in services(profile).values() for port in one.get("ports", [])]
    assert published == ["127.0.0.1:8888:8888/tcp"]
    command = services(profile)["server"]["command"]
    assert [command[at + 1] for at, word in enumerate(command) if word == "--host"] == [
        *("server", "localhost")
    ]
    assert command[command.index("--origin") + 1] == "http://localhost:8888"


def test_the_server_serves_what_the_demo_does() -> None:
    found = services("v0.26")
    words = found["server"]["command"]
    assert tuple(words[-len(VIEWS) :]) == VIEWS
    assert [word for word in words if word.startswith("--posted")] == [
        f"--posted={view}" for view in PIPED
    ]
    assert tuple(found["pipeline"]["command"][-len(PIPED) :]) == PIPED
    mounted = [volume.split(":")[1] for volume in found["materialize"]["volumes"]]
    assert "/viewstream/sql" in mounted, "where the SQL says that the CSV file is"


def test_browsers_can_come_by_another_name() -> None:
    chosen = {"WEB_HOST": "example.org", "WEB_ORIGIN": "https://example.org"}
    server = services("embedded", **chosen, WEB_ADDRESS="0.0.0.0")["server"]
    assert {"example.org", "https://example.org"} <= set(server["command"])
    assert server["ports"] == ["0.0.0.0:8888:8888/tcp"]


@pytest.mark.parametrize("profile", PROFILES)
def test_our_containers_may_do_little(profile: str) -> None:
    for name, service in services(profile).items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "network_mode" not in service, "the death of one network would be that of two"
        if service["image"] != "viewstream":
            continue
        assert service["user"] == "10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name


def test_a_fresh_volume_belongs_to_the_user_of_the_image() -> None:
    """Docker gives a new named volume the owner of the folder where it is mounted."""
    text = (ROOT / "Dockerfile").read_text()
    assert "useradd --uid 10001" in text
    assert "USER 10001" in text
    owned = set(re.search(r"chown viewstream ([^\\\n]+)", text)[1].split())  # type: ignore[index]
    for profile in PROFILES:
        for name, service in services(profile).items():
            if service["image"] == "viewstream":
                for volume in service.get("volumes", []):
                    assert volume.split(":")[1] in owned, f"{name}: {volume}"


def test_a_service_waits_for_what_it_needs() -> None:
    found = services("embedded")
    made = {"condition": "service_completed_successfully"}
    assert found["server"]["depends_on"] == {"token": made}
    assert found["pipeline"]["depends_on"] == {
        "token": made,
        "server": {"condition": "service_healthy"},
    }
    for name in ("server", "pipeline"):
        assert found[name]["environment"]["VIEWSTREAM_TOKEN_FILE"] == "/secrets/token"
        assert "secrets:/secrets:ro" in found[name]["volumes"]
    assert "token" not in str(found["server"]["command"]), "a secret on the command line is public"
    assert found["pipeline"]["restart"] == "unless-stopped"
    assert "--give-up-after" in found["pipeline"]["command"]


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


def process(service: Service, replacements: dict[str, str], image: Path) -> Process:
    """The command of a container, with the addresses of this machine."""
    environment = service.get("environment", {})
    words = [*service["command"][1:], *environment.values()]
    for there, here in replacements.items():
        words = [word.replace(there, here) for word in words]
    count = len(service["command"]) - 1
    variables = dict(zip(environment, words[count:], strict=True))
    command = [sys.executable, *words[:count]]
    return Process(command, env={"PYTHONPATH": "", **variables}, cwd=image)


def is_healthy(service: Service, replacements: dict[str, str], image: Path) -> bool:
    """Whether the health check of a container succeeds."""
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    with process({"command": command}, replacements, image) as probe:
        return probe.wait() == 0


def test_the_commands_run_the_demo_from_what_the_image_holds(image: Path, tmp_path: Path) -> None:
    port, engine_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    here = {
        "http://127.0.0.1:8888": url,
        "http://server:8888": url,
        "/data": str(tmp_path),
        "/secrets": str(tmp_path),
        "/engine": str(tmp_path / "engine"),
        "0.0.0.0:8888": f"127.0.0.1:{port}",
        "0.0.0.0:6875": f"127.0.0.1:{engine_port}",
        "host=engine port=6875": f"host=127.0.0.1 port={engine_port}",
    }
    found = services("embedded")
    with process(found.pop("token"), here, image) as token:
        assert token.wait() == 0
    server, pipeline = found["server"], found["pipeline"]
    assert not is_healthy(server, here, image), "it has not been started"
    with ExitStack() as stack:
        running = [stack.enter_context(process(one, here, image)) for one in found.values()]
        asyncio.run(all_views_come(url))
        wait_until(lambda: is_healthy(server, here, image), "the server is healthy")
        wait_until(lambda: is_healthy(pipeline, here, image), "the pipeline is healthy")
        refused = requests.post(f"{url}/view/deltas", json={}, timeout=20)
        assert refused.status_code == 401, "nobody posts without the token"
        for one in running:
            assert "Traceback" not in one.output


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
        with process(today["source-today"], here, image):
            wait_until(lambda: len(webhook.requests) > 2, "events are posted")
        assert webhook.requests[0].target == "/webhook"
        dsn = today["sql"]["environment"]["VIEWSTREAM_DSN"]
        with process(today["sql"], {dsn: wire.dsn}, image) as sql:
            assert sql.wait() == 0
        assert any("wikimedia_posts FROM WEBHOOK" in statement for statement in wire.statements)


async def all_views_come(url: str) -> None:
    follower = Stream(url, VIEWS)
    following = asyncio.create_task(follower.run())
    try:
        states = follower.states.values()
        ready = lambda: all(state.rows and state.position for state in states)  # noqa: E731
        await follower.until(ready, 180)  # everything is compiled first
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
