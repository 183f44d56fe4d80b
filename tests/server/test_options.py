"""The command line: each limit of the hub is an option, and what is wrong is named."""

from __future__ import annotations

import dataclasses

import pytest

from server.hub.limits import Limits
from server.options import parse


def test_without_options_every_limit_is_its_default() -> None:
    assert parse(["top10"]).limits == Limits()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
def test_every_limit_can_be_set(name: str) -> None:
    limits = parse([f"--{name.replace('_', '-')}", "7", "top10"]).limits
    changed = {key: value for key, value in vars(limits).items() if value != getattr(Limits, key)}
    in_seconds = isinstance(getattr(Limits, name), int) and changed.get(name) == 7000
    assert changed == {name: 7000 if in_seconds else 7}


def test_times_are_seconds_and_sizes_have_units() -> None:
    limits = parse(["--stale-after", "0.5", "--backlog-bytes", "2M", "top10"]).limits
    assert (limits.stale_after, limits.backlog_bytes) == (500, 2 << 20)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--log-bytes", "many"], "expected a size such as 500, 64K or 8M, found 'many'"),
        (["--audit-every", "-1"], "expected seconds above 0, found '-1'"),
        (["--bases-in-flight", "0"], "expected a number above 0, found '0'"),
        (["--static", "/no/such"], "expected a folder, found '/no/such'"),
    ],
)
def test_what_is_wrong_is_named(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([*words, "top10"])
    assert what in capsys.readouterr().err
