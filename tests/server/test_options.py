"""The command line: defaults, units, variables, and errors that name what was expected."""

from __future__ import annotations

import pytest

from server.configuration import parse
from server.hub.limits import Limits
from server.options import Options
from viewstream.engine import DEFAULT_DSN
from viewstream.protocol import BODY_LIMIT


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIEWSTREAM_DSN", raising=False)
    monkeypatch.delenv("VIEWSTREAM_TOKEN", raising=False)
    monkeypatch.delenv("VIEWSTREAM_LOG_FORMAT", raising=False)  # of the tests' own processes


def test_without_options_everything_is_its_default() -> None:
    options = parse(["top10"])
    assert options == Options(("top10",))
    assert (options.dsn, options.max_body) == (DEFAULT_DSN, BODY_LIMIT)
    assert (options.log_bytes, options.stale_after) == (Limits.log_bytes, 15.0)


def test_times_are_seconds_and_sizes_have_units() -> None:
    options = parse(["--stale-after", "0.5", "--log-bytes", "2M", "--max-body", "3k", "top10"])
    assert (options.stale_after, options.log_bytes, options.max_body) == (0.5, 2 << 20, 3 << 10)


def test_an_option_that_can_be_repeated_collects_its_values() -> None:
    options = parse(["--host", "A.example", "--host", "b.example", "top10", "counter"])
    assert options.host == ("a.example", "b.example")
    assert options.views == ("top10", "counter")


def test_a_variable_is_overridden_by_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWSTREAM_DSN", "host=a")
    monkeypatch.setenv("VIEWSTREAM_TOKEN", "")
    assert parse(["top10"]).dsn == "host=a"
    assert parse(["top10"]).token is None
    assert parse(["--dsn", "host=b", "top10"]).dsn == "host=b"


def test_the_help_shows_defaults_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIEWSTREAM_DSN", "host=a password=s3cret")
    monkeypatch.setenv("VIEWSTREAM_TOKEN", "s3cret")
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "of a POST; default 8M" in text
    assert "after which a view is stale; default 15" in text
    assert "default 127.0.0.1:8888" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_dsn_that_cannot_be_parsed_is_refused_without_being_shown(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["top10"]
    if how == "option":
        words = ["--dsn", "password=my s3cret", *words]
    else:
        monkeypatch.setenv("VIEWSTREAM_DSN", "password=my s3cret")
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "expected a DSN as libpq reads it" in error
    assert "s3cret" not in error


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--log-bytes", "many"], "expected a size such as 500, 64K or 8M, found 'many'"),
        (["--stale-after", "-1"], "expected seconds above 0, found '-1'"),
        (["--max-clients", "0"], "expected a number above 0, found '0'"),
        (["--static", "/no/such"], "expected a folder, found '/no/such'"),
        (["--listen", "8888"], "expected HOST:PORT, found '8888'"),
        (["--key", "k.pem"], "expected --certificate and --key together"),
        (["top10"], "expected each view once"),
        (["--posted", "top10"], "expected --posted with --tail and one process"),
        (
            ["--tail", "--processes", "2", "--posted", "top10"],
            "expected --posted with --tail and one process",
        ),
        (["--part", "top10"], "expected VIEW:COLUMN, such as orders:tenant, found 'top10'"),
        (["--part", "other:user"], "expected --part of a view that is served, found 'other'"),
        (["--part", "top10:a", "--part", "top10:b"], "expected one --part for each view"),
        (["top10[user=Alice]"], "found 'top10[user=Alice]': a view is served in parts by --part"),
    ],
)
def test_what_is_wrong_is_named(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([*words, "top10"])
    assert what in capsys.readouterr().err


def test_views_are_served_in_parts_by_one_column_each() -> None:
    options = parse(["--part", "top10:user", "--part", 's.orders:"a:b"', "top10", "s.orders"])
    assert options.part == (("top10", "user"), ("s.orders", "a:b"))
