"""The npm package in apps of its users: the examples of docs/client.md, built and run."""

from __future__ import annotations

import re
import socket
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.npm import TOOLS, install, node_for_vite, run, system_node, tool
from tests.support.processes import PATIENCE, ROOT, Process, wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Base, Column, Delta, Status

LIBRARY = ROOT / "static" / "viewstream"
TEXT = (ROOT / "docs" / "client.md").read_text("utf-8")
EPOCH = "1-u1"
COLUMNS = [Column("user", "text"), Column("count", "int8")]
BOB, ALICE = ("Bob", "9"), ("<b>Alice</b>", "12")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
PAGE = """<!doctype html><link rel=icon href=data:><title>app</title>
<div id="root"></div><script type="module" src="./src/main.{suffix}"></script>
"""


def example(heading: str, language: str) -> str:
    """Return the first code block of a language below a heading of docs/client.md."""
    section = TEXT[TEXT.index(f"# {heading}\n") :]
    match = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert match is not None
    return match[1]


def send_views(connection: Connection) -> None:
    """Send `top10`, and nothing of the other views."""
    for view in connection.views:
        if view.startswith("top10"):
            connection.send(Base("top10", EPOCH, 10, COLUMNS, [BOB, ALICE]))
            connection.send(Status("top10", "live"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `npm pack` makes it."""
    system_node()
    install(TOOLS)
    folder = tmp_path_factory.mktemp("pack")
    result = run(["npm", "pack", "--pack-destination", folder], LIBRARY)
    assert result.returncode == 0, result.stderr
    return next(folder.glob("*.tgz"))


@dataclass
class App:
    """A folder with an app, in which the package and the tools are installed."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)

    def write(self, **files: str) -> None:
        for name, text in self.files.items() | files.items():
            place = self.folder / name.replace("__", "/")
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, "utf-8")

    def vite(self, *arguments: str) -> list[str | Path]:
        return [
            node_for_vite(),
            self.folder / "node_modules" / "vite" / "bin" / "vite.js",
            *arguments,
        ]

    def build_into(self, stream: ScriptedStream) -> str:
        """Build the app, and return the address where `stream` serves it."""
        result = run(self.vite("build", "--base", "./"), self.folder)
        assert result.returncode == 0, result.stdout + result.stderr
        for file in (self.folder / "dist").rglob("*.*"):
            name = str(file.relative_to(self.folder / "dist"))
            stream.files[name] = (TYPES[file.suffix], file.read_text("utf-8"))
        return f"{stream.url}/own/index.html"


@pytest.fixture
def app(archive: Path, tmp_path: Path) -> App:
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in install(TOOLS).iterdir():
        if not package.name.startswith("."):
            (modules / package.name).symlink_to(package)
    with tarfile.open(archive) as tar:
        tar.extractall(modules, filter="data")
    (modules / "package").rename(modules / "viewstream")
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    return App(tmp_path)


REACT_MAIN = """
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><App /></StrictMode>);
"""
TSCONFIG = """{
  "compilerOptions": {
    "strict": true, "noEmit": true, "skipLibCheck": false, "jsx": "react-jsx", "target": "es2022",
    "module": "esnext", "moduleResolution": "bundler", "lib": ["es2022", "dom"], "types": []
  },
  "include": ["src"]
}"""
WITH_REACT = """
import react from "@vitejs/plugin-react";
import config from "./proxy.js";

export default { ...config, plugins: [react()] };
"""


def write_react(app: App, proxy: str = "export default {};") -> None:
    app.write(
        **{
            "index.html": PAGE.format(suffix="tsx"),
            "src__main.tsx": REACT_MAIN,
            "src__App.tsx": example("React", "tsx"),
            "tsconfig.json": TSCONFIG,
            "proxy.js": proxy,
            "vite.config.js": WITH_REACT,
        }
    )


def expect_rows(page: Page, *rows: str) -> None:
    expect(page.locator("ol li")).to_have_text(list(rows), timeout=PATIENCE * 1000)


def test_a_react_app_in_strict_mode(app: App, stream: ScriptedStream, page: Page) -> None:
    write_react(app)
    stream.on_open = send_views
    page.goto(app.build_into(stream))
    expect_rows(page, "<b>Alice</b>: 12", "Bob: 9")
    expect(page.locator("section")).to_have_attribute("aria-label", "live ")
    update = [(11, -1, BOB), (11, 1, ("Bob", "20"))]
    stream.connection(0).send(Delta("top10", EPOCH, 10, 20, update))
    expect_rows(page, "Bob: 20", "<b>Alice</b>: 12")
    assert stream.connection(0).views == ["top10", "counter"]
    assert len(stream.connections) == 1


def test_a_react_app_compiles_under_strict_types(app: App) -> None:
    write_react(app)
    result = run([tool("tsc"), "--project", app.folder], app.folder)
    assert result.returncode == 0, result.stdout


def test_a_refusal_reaches_a_react_app(app: App, stream: ScriptedStream, page: Page) -> None:
    write_react(app)
    stream.on_open = lambda connection: connection.close(4404, "no view 'top10'")
    page.goto(app.build_into(stream))
    expect(page.locator("section")).to_have_attribute("aria-label", "refused no view 'top10'")


USE_STREAM = """
import { useStream, useView } from "viewstream/react";
import type { Options } from "viewstream";

interface Views { top10: { user: string; count: number }; counter: { count: number } }
const VIEWS: (keyof Views)[] = ["top10"];
const OPTIONS: Options<Views> = { int8: "bigint" };

export function App() {
  const stream = useStream<Views>(VIEWS, OPTIONS);
  const { rows } = useView<Views["top10"]>("top10", OPTIONS);
  return (
    <ol>
      <li>{stream.state}</li>
      <li>{rows.map(({ count }) => typeof count).join()}</li>
    </ol>
  );
}
"""


def test_a_stream_and_its_view_share_a_connection(
    app: App, stream: ScriptedStream, page: Page
) -> None:
    write_react(app)
    app.write(**{"src__App.tsx": USE_STREAM})
    checked = run([tool("tsc"), "--project", app.folder], app.folder)
    assert checked.returncode == 0, checked.stdout
    stream.on_open = send_views
    page.goto(app.build_into(stream))
    expect_rows(page, "open", "bigint,bigint")
    stream.connection(0).close(1001, "retry=30")
    expect_rows(page, "retrying", "bigint,bigint")
    assert len(stream.connections) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def save_shows(app: App, source: str, page: Page, rows: list[str]) -> bool:
    """Save App.tsx; return whether the page shows it soon (the dev server loses some saves)."""
    # As editors do: the dev server must not read half a file.
    (app.folder / "saved").write_text(source)
    (app.folder / "saved").rename(app.folder / "src" / "App.tsx")
    try:
        expect(page.locator("ol li")).to_have_text(rows, timeout=2_000)
    except AssertionError:
        return False
    return True


def test_hot_reload_leaves_one_connection(
    app: App, stream: ScriptedStream, new_page: Callable[..., Page]
) -> None:
    proxy = example("A bundler", "js").replace("http://127.0.0.1:8888", stream.url)
    assert stream.url in proxy
    write_react(app, proxy)
    stream.on_open = send_views
    port = free_port()
    page = new_page()
    source = (app.folder / "src" / "App.tsx").read_text()
    address = ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    with Process(app.vite(*address), cwd=app.folder) as vite:
        assert vite.popen.stdout is not None
        wait_until(lambda: b"Local:" in vite.popen.stdout.readline(), "the dev server")  # type: ignore[union-attr]
        page.goto(f"http://127.0.0.1:{port}/")
        expect_rows(page, "<b>Alice</b>: 12", "Bob: 9")
        for number in range(6):
            rows = [f"{number} <b>Alice</b>: 12", f"{number} Bob: 9"]
            edited = source.replace("${user}: ", f"{number} ${{user}}: ")
            wait_until(lambda: save_shows(app, edited, page, rows), f"save {number}")  # noqa: B023
        page.close()
    assert len(stream.connections) == 1


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
