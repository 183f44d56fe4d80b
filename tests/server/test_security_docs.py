"""The examples of `docs/security.md`: a login server signs, and a page reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.static.conftest import chromium
from tests.support.npm import system_node
from tests.support.processes import ROOT
from tests.support.reader_tokens import bearer

__all__ = ["chromium"]  # a fixture

TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
SHOW = """
top10.onChange(() => { document.title = JSON.stringify(top10.rows()); });
top10.onStanding(({ state, reason }) => { window.standing = `${state} ${reason}`; });
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def make_keys(folder: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["sh", "-ec", blocks("sh")[0]], cwd=folder, check=True, timeout=60)


def output_of(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sign_in_python(folder: Path) -> str:
    (folder / "login.py").write_text(blocks("python")[0] + '\nprint(sign_token("alice"))\n')
    return output_of([sys.executable, "login.py"], folder)


def sign_in_node(folder: Path) -> str:
    program = blocks("js")[0] + '\nconsole.log(signToken("alice"));\n'
    (folder / "login.mjs").write_text(program)
    return output_of([str(system_node()), "login.mjs"], folder)


def test_the_examples_let_a_page_in(chromium: Browser, engine: FakeEngine, tmp_path: Path) -> None:
    make_keys(tmp_path)
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(
        "<link rel=icon href=data:><script type=module src=page.js></script>"
    )
    (pages / "page.js").write_text(blocks("js")[1] + SHOW)
    options = ("--reader-key", str(tmp_path / "reader.keys"), "--static", str(pages))
    with Served(engine, *options) as served, chromium.new_context() as context:
        served.post(900, 1001)
        assert requests.get(f"{served.url}/view/rows?view=top10", timeout=20).status_code == 401
        for token in (sign_in_python(tmp_path), sign_in_node(tmp_path)):
            rows = requests.get(
                f"{served.url}/view/rows?view=top10", headers=bearer(token), timeout=20
            )
            assert rows.status_code == 200, rows.text
            (pages / "token").write_text(token)  # what the login server answers
            page = context.new_page()
            page.goto(served.url)
            page.wait_for_function("document.title !== ''")
            assert json.loads(page.title()) == rows.json()
            page.close()
        (pages / "token").write_text("no token")
        page = context.new_page()
        page.goto(served.url)
        page.wait_for_function("window.standing?.startsWith('refused')")
