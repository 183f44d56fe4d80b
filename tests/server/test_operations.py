"""The dashboard and the alert rules: each metric, label and value in them is one that exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from scripts.child import ROOT
from scripts.pipeline import parse_arguments
from server.access.refusal import LABELS
from server.configuration import parse
from server.hub.audit import Finding
from server.hub.tallies import Resume
from server.metrics import DISCONNECTS
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served

FOLDER = ROOT / "docs" / "operations"
VALUES = {
    "reason": {*DISCONNECTS.values(), *LABELS.values(), "full", "host", "origin", "poster"},
    "kind": {resume.value[0] for resume in Resume},
    "result": {"ok", "failed", *(finding.name.lower() for finding in Finding)},
    "job": {"viewstream"},
}
LABEL_NAMES = {
    *("view", "instance", "reason", "kind", "why", "result", "state", "status", "outcome", "le"),
    *("job",),
}
SUFFIXES = ("_bucket", "_sum", "_count")
_METRIC = re.compile(r"\b(?:viewstream|process)_\w+")
_MATCHER = re.compile(r"(\w+)(=~|=)\"([^\"]*)\"")
_COUNTED = re.compile(r'increase\((\w+_total)\{(reason|result)=~?"([^"]*)"\}')
_BY = re.compile(r"\bby \(([^)]*)\)")


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for rule in rules():
        yield str(rule["expr"])
    dashboard = json.loads((FOLDER / "grafana.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.fixture(scope="module")
def exposition() -> Iterator[str]:
    """The metrics of a server to which nothing has happened yet."""
    with FakeEngine() as engine, Served(engine) as served:
        yield requests.get(f"{served.url}/metrics", timeout=20).text


@pytest.fixture(scope="module")
def metrics(exposition: str) -> dict[str, str]:
    """The type of each metric that a server has."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", exposition, re.MULTILINE))


def test_every_metric_exists_and_is_used_as_its_type_allows(metrics: dict[str, str]) -> None:
    for expression in expressions():
        for name in _METRIC.findall(expression):
            base = next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)
            if base != name and metrics.get(base) == "histogram":
                assert f"rate({name}" in expression, expression
                continue
            assert name in metrics, f"{name} of {expression}"
            if metrics[name] == "counter":
                assert re.search(rf"(rate|increase)\({name}", expression), expression
            else:
                assert f"rate({name}" not in expression, expression


def test_every_alert_sees_the_first_event(exposition: str) -> None:
    """Prometheus sees no increase where a counter begins with 1: each has to be there before."""
    seen = 0
    for rule in rules():
        for name, label, values in _COUNTED.findall(str(rule["expr"])):
            for value in values.split("|"):
                pattern = rf'^{name}\{{[^}}]*\b{label}="{value}"[^}}]*\}} 0\.0$'
                assert re.search(pattern, exposition, re.MULTILINE), (name, label, value)
                seen += 1
    assert seen >= 5


def test_every_metric_of_ours_is_shown(metrics: dict[str, str]) -> None:
    shown = " ".join(expressions())
    ours = {name for name in metrics if name.startswith("viewstream_")}
    assert {name for name in ours if name not in shown} == {"viewstream_process_info"}


def test_every_label_and_value_exists() -> None:
    for expression in expressions():
        for name, _, value in _MATCHER.findall(expression):
            assert name in LABEL_NAMES, expression
            if not value.startswith("$"):
                assert set(value.split("|")) <= VALUES[name], expression
        for names in _BY.findall(expression):
            assert {one.strip() for one in names.split(",")} <= LABEL_NAMES, expression


def test_every_expression_is_balanced() -> None:
    for expression in expressions():
        depth = 0
        for character in re.sub(r'"[^"]*"', "", expression):
            depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(character, 0)
            assert depth >= 0, expression
        assert depth == 0, expression


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 10
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert rule["labels"] in ({"severity": "page"}, {"severity": "warn"})
        assert set(annotations) == {"summary", "action"}
        assert len(annotations["action"]) > 60
        for word in re.findall(r"\b(Viewstream\w+)", annotations["action"]):
            assert word in names
        for option in re.findall(r"`(--[a-z-]+)`", annotations["action"]):
            assert option in (ROOT / "docs" / "operations.md").read_text("utf-8")
        assert not re.search(r"\{\{ *\$labels\.(?!instance|view|reason)", annotations["summary"])


def test_the_dashboard_has_one_place_for_each_panel() -> None:
    dashboard = json.loads((FOLDER / "grafana.json").read_text("utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
    used = set(re.findall(r"\$(\w+)", " ".join(expressions()))) - {"__rate_interval"}
    assert used <= {one["name"] for one in dashboard["templating"]["list"]} | {"labels"}


def test_the_commands_of_the_units_can_be_parsed(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    config = tmp_path / "server.toml"
    config.write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    secret = tmp_path / "token"
    secret.write_text("sesame")
    config.write_text(config.read_text().replace("/run/secrets/token", str(secret)))
    server, pipelines = re.findall(r"^ExecStart=\S+ -m (.*)$", text, re.MULTILINE)
    name, *words = server.replace("/etc/viewstream/server.toml", str(config)).split()
    assert name == "server"
    assert parse(words, {}).views == ("counter", "top10")
    assert parse(words, {}).token == "sesame"
    name, *words = pipelines.split()
    assert name == "scripts.pipeline"
    assert parse_arguments(words).all
