"""Views that are added to the file of `--views-from` are served without a restart."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import requests

from scripts.text_query import text_query
from server.view_list import ViewList
from tests.support.processes import start_engine, start_server, wait_until


def test_names_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "views"
    views = ViewList(path)
    assert views.read() == []
    path.write_text("top10\n\nstats.edits\n")
    assert views.read() == ["top10", "stats.edits"]
    fresh = tmp_path / "views.new"
    fresh.write_text("top10\n")
    fresh.replace(path)
    assert views.read() == ["top10"]
    path.unlink()
    assert views.read() == ["top10"]


def test_problems_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    views = ViewList(tmp_path / "views")
    with caplog.at_level(logging.WARNING):
        views.read()
        views.read()
        (tmp_path / "views").write_text("a.b.c\nok\n")
        assert views.read() == ["ok"]
    missing, wrong = (record.getMessage() for record in caplog.records)
    assert missing.startswith("cannot read ")
    assert wrong.endswith("expected a view as NAME or SCHEMA.NAME, found 'a.b.c'")


def test_without_a_file_there_are_no_names() -> None:
    assert ViewList(None).read() == []


def test_a_view_that_is_added_is_served(tmp_path: Path) -> None:
    path = tmp_path / "views"
    path.touch()
    engine, dsn = start_engine()
    with engine:
        text_query(dsn, "CREATE TABLE a (n int)", "CREATE TABLE b (n int)")
        server, url = start_server(dsn, options=["--views-from", str(path)])
        with server:

            def problems() -> dict[str, str | None]:
                views = requests.get(f"{url}/healthz", timeout=60).json()["views"]
                return {name: view["epoch"] for name, view in views.items()}

            assert problems() == {}
            for names in (["a"], ["a", "b"]):
                path.write_text("".join(f"{name}\n" for name in names))
                wait_until(
                    lambda names=names: list(problems()) == names and all(problems().values()),
                    f"{names} have an epoch",
                )
            frontier = requests.get(f"{url}/view/frontier", params={"view": "b"}, timeout=60)
            assert frontier.status_code == 200
            assert 'viewstream_log_bytes{view="b"}' in requests.get(f"{url}/metrics").text


def test_the_library_is_served_beside_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>mine</p>")
    engine, dsn = start_engine()
    with engine:
        server, url = start_server(dsn, "a", options=["--static", str(tmp_path)])
        with server:
            page = requests.get(url, timeout=60)
            assert page.text == "<p>mine</p>"
            assert "Content-Security-Policy" not in page.headers
            library = requests.get(f"{url}/viewstream/index.js", timeout=60)
            assert library.status_code == 200
            assert "javascript" in library.headers["Content-Type"]
