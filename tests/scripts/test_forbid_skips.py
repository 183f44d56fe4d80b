"""In CI a skipped test fails, unless it needs the folder `../shared`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

IN_TEST = "def test_it():\n    pytest.skip({reason!r})\n"
BY_MARK = "@pytest.mark.skipif(True, reason={reason!r})\ndef test_it():\n    pass\n"
OF_MODULE = "pytest.skip({reason!r}, allow_module_level=True)\n"
IN_FIXTURE = (
    "@pytest.fixture\ndef it():\n    pytest.skip({reason!r})\n\n\ndef test_it(it):\n    pass\n"
)


def run(folder: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_skipped.py").write_text("import pytest\n\n\n" + text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.forbid_skips", "-rA", str(folder)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "VIEWSTREAM_FORBID_SKIPS": "",
            **environment,
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("form", [IN_TEST, BY_MARK, OF_MODULE, IN_FIXTURE])
def test_a_skip_fails_only_where_skips_are_forbidden(tmp_path: Path, form: str) -> None:
    text = form.format(reason="no chromium")
    assert run(tmp_path, text).returncode in (0, 5)
    forbidden = run(tmp_path, text, VIEWSTREAM_FORBID_SKIPS="1")
    assert forbidden.returncode not in (0, 5)
    assert "skipped although VIEWSTREAM_FORBID_SKIPS is set: " in forbidden.stdout
    assert "no chromium" in forbidden.stdout


@pytest.mark.parametrize("form", [IN_TEST, BY_MARK, OF_MODULE, IN_FIXTURE])
def test_what_needs_the_shared_folder_may_skip(tmp_path: Path, form: str) -> None:
    text = form.format(reason="../shared is missing")
    assert run(tmp_path, text, VIEWSTREAM_FORBID_SKIPS="1").returncode in (0, 5)


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    text = "@pytest.mark.xfail(reason='known')\ndef test_it():\n    assert False\n"
    assert run(tmp_path, text, VIEWSTREAM_FORBID_SKIPS="1").returncode == 0
