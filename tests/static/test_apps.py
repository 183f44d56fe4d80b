"""The npm package in Svelte and in Node: the examples of docs/client.md, built and run."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.static.apps import EPOCH, PAGE, App, example, expect_rows, send_views
from tests.support.npm import INSTALLS, run, system_node
from tests.support.processes import Process, wait_until
from tests.support.scripted_stream import ScriptedStream
from viewstream.protocol import Delta

pytestmark = INSTALLS

SVELTE_CONFIG = """
import { svelte } from "@sveltejs/vite-plugin-svelte";

export default { plugins: [svelte()] };
"""
SVELTE_MAIN = """
import { mount } from "svelte";
import App from "./App.svelte";

mount(App, { target: document.getElementById("root") });
"""


def test_a_svelte_app(app: App, stream: ScriptedStream, page: Page) -> None:
    app.write(
        **{
            "index.html": PAGE.format(suffix="js"),
            "src__main.js": SVELTE_MAIN,
            "src__App.svelte": example("Svelte", "svelte"),
            "vite.config.js": SVELTE_CONFIG,
        }
    )
    stream.on_open = send_views
    page.goto(app.build_into(stream))
    expect_rows(page, "<b>Alice</b>: 12", "Bob: 9")
    expect(page.locator("section")).to_have_attribute("aria-label", "live ")
    stream.connection(0).send(Delta("top10", EPOCH, 10, 20, [(11, 1, ("Carol", "10"))]))
    expect_rows(page, "<b>Alice</b>: 12", "Carol: 10", "Bob: 9")
    assert len(stream.connections) == 1


def test_the_node_example(app: App, stream: ScriptedStream) -> None:
    stream.on_open = send_views
    app.write(**{"main.js": example("Node", "js").replace("http://127.0.0.1:8888", stream.url)})
    with Process([system_node(), app.folder / "main.js"], cwd=app.folder) as node:
        assert node.popen.stdout is not None
        printed = [node.popen.stdout.readline().decode().strip() for _ in range(4)]
        wait_until(lambda: "live" in node.stderr, "the standing")
    assert "{ user: 'Bob', count: 9 }" in " ".join(printed)


NOBODY_THERE = """
import {{ follow }} from "viewstream";
import WebSocket from "ws";

const stream = follow(["top10"], {{ server: "http://127.0.0.1:1", {options} }});
let losses = 0;
stream.onConnection(({{ type }}) => {{
  losses += type === "disconnected" ? 1 : 0;
  if (losses === 3) stream.close();
}});
"""


@pytest.mark.parametrize("options", ["WebSocket", 'transport: "sse"', ""])
def test_in_node_a_server_that_is_not_there_is_no_error(app: App, options: str) -> None:
    app.write(**{"main.js": NOBODY_THERE.format(options=options)})
    result = run([system_node(), "main.js"], app.folder, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_package_installs_without_a_registry(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    result = run(["npm", "install", "--offline", "--no-audit", archive], tmp_path)
    assert result.returncode == 0, result.stderr
    script = 'import { follow } from "viewstream"; console.log(typeof follow);'
    result = run([system_node(), "--input-type=module", "--eval", script], tmp_path)
    assert result.stdout == "function\n", result.stderr
