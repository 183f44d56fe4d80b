"""The report of a source on stderr: a line that is updated, on a terminal only."""

import io
import logging
from pathlib import Path

import pytest

from scripts.sources.append import Appender
from scripts.sources.counts import Counts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_kept_up_to_date(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    out = Terminal()
    with Appender(tmp_path / "changes", 10**9) as appender:
        counts = Counts(appender, out)
        appender.append([b"{}"] * 1234)
        counts.update()
        assert out.getvalue().startswith("\r\x1b[Ksource: 1,234 events written, the file has 11,")
        assert "\n" not in out.getvalue()
        length = len(out.getvalue())
        counts.update()
        assert len(out.getvalue()) == length, "it is not rewritten at every batch"
        counts.close()
    assert out.getvalue().endswith("\r\x1b[K"), "the line that was updated is gone"
    assert caplog.messages == ["1,234 events written, the file has 11,106 bytes"]


def test_elsewhere_only_the_end_and_what_was_left_out_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    out = io.StringIO()
    with Appender(tmp_path / "changes", 10**9) as appender:
        counts = Counts(appender, out)
        for _ in range(3):
            appender.append([b"{}", b"[]", b"x"])
            counts.update()
        counts.close()
    assert out.getvalue() == ""
    assert sorted(caplog.messages[:2]) == [
        "left out an event: not JSON",
        "left out an event: not a JSON object",
    ]
    assert caplog.messages[2:] == [
        "3 events written, the file has 27 bytes; left out 6 (3 not a JSON object, 3 not JSON)"
    ]
