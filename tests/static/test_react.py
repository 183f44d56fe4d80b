"""The React hooks, in apps that Vite builds and serves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from scripts.ports import free_port
from tests.static.apps import BOB, EPOCH, PAGE, App, example, expect_rows, send_views
from tests.support.npm import INSTALLS, run, tool
from tests.support.processes import Process, wait_until
from tests.support.scripted_stream import ScriptedStream
from viewstream.protocol import Delta

pytestmark = INSTALLS

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
    # Where CI is set, Vite would print its address in colours.
    with Process(app.vite(*address), cwd=app.folder, env={"NO_COLOR": "1"}) as vite:
        assert vite.popen.stdout is not None
        for line in vite.popen.stdout:
            if b"Local:" in line:
                break
        else:
            pytest.fail(f"the dev server has ended: {vite.stderr}")
        page.goto(f"http://127.0.0.1:{port}/")
        expect_rows(page, "<b>Alice</b>: 12", "Bob: 9")
        for number in range(6):
            rows = [f"{number} <b>Alice</b>: 12", f"{number} Bob: 9"]
            edited = source.replace("${user}: ", f"{number} ${{user}}: ")
            wait_until(lambda: save_shows(app, edited, page, rows), f"save {number}")  # noqa: B023
        page.close()
    assert len(stream.connections) == 1
