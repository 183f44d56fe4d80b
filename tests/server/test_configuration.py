"""Options by command line, environment and file: precedence, errors, and what is printed."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from scripts.child import ROOT
from server.configuration import (
    default_of,
    fields,
    misspelled,
    option_name,
    parse,
    print_config,
)
from server.options import Options

FULL = """
views = ["top10", "counter"]
tail = true
part = ["top10:user", 'counter:"a b"']
posted = ["top10"]
listen = "0.0.0.0:80"
dsn = "host=a password=s3cret"
token = "s3cret"
origin = ["https://a.example", "https://b.example"]
host = ["A.example"]
about = "caf\\u00e9 \\"x\\" \\u007f"
max-clients = 7
log-bytes = "2M"
max-body = 9000
stale-after = 0.5
"""


def write(folder: Path, text: str) -> str:
    file = folder / "viewstream.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_the_command_line_precedes_the_environment_and_that_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, 'stale-after = 1\nengine-timeout = 1\nlog-bytes = "1M"\n')
    environ = {"VIEWSTREAM_STALE_AFTER": "2", "VIEWSTREAM_ENGINE_TIMEOUT": "2"}
    options = parse(["--config", file, "--stale-after", "3", "top10"], environ)
    assert (options.stale_after, options.engine_timeout, options.log_bytes) == (3, 2, 1 << 20)
    assert options.max_body == Options.max_body


def test_a_list_of_a_higher_place_replaces_that_of_a_lower_one(tmp_path: Path) -> None:
    file = write(tmp_path, 'views = ["a", "b"]\norigin = ["https://a.example"]\n')
    assert parse([], {"VIEWSTREAM_CONFIG": file}).views == ("a", "b")
    environ = {"VIEWSTREAM_CONFIG": file, "VIEWSTREAM_VIEWS": "c d"}
    assert parse([], environ).views == ("c", "d")
    options = parse(["--origin", "https://b.example", "e"], environ)
    assert (options.views, options.origin) == (("e",), ("https://b.example",))


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("no", False)])
def test_a_switch_by_a_variable(text: str, value: bool) -> None:
    assert parse(["top10"], {"VIEWSTREAM_TAIL": text}).tail is value
    assert parse(["--tail", "top10"], {"VIEWSTREAM_TAIL": text}).tail is True


def test_a_misspelled_variable_is_found_and_others_are_left_alone() -> None:
    wrong = {
        "VIEWSTREAM_READER_KEYS": "VIEWSTREAM_READER_KEY",
        "VIEWSTREAM_TOKEN_FLIE": "VIEWSTREAM_TOKEN_FILE",
        "VIEWSTREAM_ORIGINS": "VIEWSTREAM_ORIGIN",
        "VIEWSTREAM_MAX_CLIENT": "VIEWSTREAM_MAX_CLIENTS",
    }
    others = ("CONFIG", "URL", "CONTACT", "READER_TOKEN", "SERVICE_HOST", "PORT_8888_TCP")
    environ = dict.fromkeys([*wrong, *(f"VIEWSTREAM_{name}" for name in others)], "x")
    assert misspelled({**environ, "VIEWSTREAM_READER_KEY": "x", "HOME": "x"}) == wrong


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAX_CLIENTS", "\u00b2"),
        ("MAX_CLIENTS", "9" * 5000),
        ("LISTEN", "localhost:\u00b2"),
        ("MAX_BODY", "9" * 5000),
        ("HOST", "https://example.org"),
        ("HOST", "example.org:80"),
        ("HOST", "a,b"),
    ],
)
def test_a_value_that_looks_right_is_refused(
    variable: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["top10"], {f"VIEWSTREAM_{variable}": value})
    assert ended.value.code == 2
    assert f"VIEWSTREAM_{variable}: expected " in capsys.readouterr().err


def test_a_secret_of_a_wrong_type_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("token = ['s3cret']", "dsn = ['password=s3cret']", "dsn = {a = 's3cret'}"):
        with pytest.raises(SystemExit):
            parse(["--config", write(tmp_path, text), "top10"], {})
        error = capsys.readouterr().err
        assert "expected a text or a number, found another value" in error
        assert "s3cret" not in error


def test_secrets_of_the_dsn_are_not_printed() -> None:
    dsn = "postgresql://u:s3cret@a/d?sslpassword=s3cret"
    printed = print_config(parse(["--dsn", dsn, "top10"], {}))
    assert "s3cret" not in printed
    assert "# dsn has a password, which is not shown\n" in printed
    assert "# dsn has a sslpassword, which is not shown\n" in printed


def test_every_option_can_be_in_the_file(tmp_path: Path) -> None:
    options = parse(["--config", write(tmp_path, FULL)], {})
    assert options.listen == ("0.0.0.0", 80)
    assert (options.tail, options.posted) == (True, ("top10",))
    assert (options.token, options.about) == ("s3cret", 'café "x" \x7f')
    assert (options.max_clients, options.max_body, options.stale_after) == (7, 9000, 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stale_after = 1", "expected one of about, certificate, "),
        ("stale-after = 'x'", "viewstream.toml: stale-after: expected seconds above 0, found 'x'"),
        ("stale-after = true", "stale-after: expected a text or a number, found True"),
        ("stale-after = [1]", "stale-after: expected a text or a number, found [1]"),
        ("tail = 1", "tail: expected true or false, found 1"),
        ("origin = 'https://a.example'", "origin: expected a list, found 'https://a.example'"),
        ("[server]\ntail = true", "found 'server'"),
        ("tail = ", "cannot read the options of"),
        ("key = 'k.pem'", "expected --certificate and --key together"),
        ("token = 'a'\ntoken-file = 'b'", "expected a token or a token file, found both"),
        ("token-file = '/no/such'", "cannot read the token of /no/such"),
    ],
)
def test_an_error_names_the_place_and_ends_with_status_2(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--config", write(tmp_path, text), "top10"], {})
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"VIEWSTREAM_TAIL": "maybe"}, "VIEWSTREAM_TAIL: expected true or false, found 'maybe'"),
        ({"VIEWSTREAM_LISTEN": "80"}, "VIEWSTREAM_LISTEN: expected HOST:PORT, found '80'"),
        ({"VIEWSTREAM_CONFIG": "/no/such"}, "cannot read the options of /no/such"),
        ({"VIEWSTREAM_DSN": "password=my s3cret"}, "VIEWSTREAM_DSN: expected a DSN"),
    ],
)
def test_an_error_names_the_variable(
    environ: dict[str, str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["top10"], environ)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert "s3cret" not in error


def test_a_token_can_be_in_a_file_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    environ = {"VIEWSTREAM_TOKEN_FILE": str(secret)}
    assert parse(["top10"], environ).token == "s3cret"
    assert parse(["--token", "another", "top10"], environ).token == "another"
    file = write(tmp_path, 'token = "of the file"')
    assert parse(["--config", file, "top10"], environ).token == "s3cret"
    secret.write_text("\n")
    with pytest.raises(SystemExit):
        parse(["top10"], environ)
    assert "expected a token in" in capsys.readouterr().err


def test_what_is_printed_can_be_read_back_and_has_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", write(tmp_path, FULL)]
    with pytest.raises(SystemExit) as ended:
        parse([*words, "--print-config"], {})
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "s3cret" not in printed
    assert set(tomllib.loads(printed)) <= {option_name(name) for name, _ in fields()}
    again = parse(["--config", write(tmp_path, printed)], {})
    expected = dataclasses.replace(parse(["--config", write(tmp_path, FULL)], {}), token=None)
    assert dataclasses.replace(again, dsn="") == dataclasses.replace(expected, dsn="")
    assert again.dsn == "host=a"


def test_the_defaults_can_be_read_back(tmp_path: Path) -> None:
    options = parse(["top10"], {})
    again = parse(["--config", write(tmp_path, print_config(options))], {})
    assert dataclasses.replace(again, dsn="") == dataclasses.replace(options, dsn="")


def option_rows() -> list[str]:
    """The rows of the table of options, as the docs must have them."""
    rows = []
    for name, option in fields():
        default, kind = default_of(name), option.kind
        spelled = f"--{option_name(name)}" + ("" if default is False else f" {kind.unit}")
        if name == "views":
            spelled = f"{kind.unit} .."
        shown = "" if kind.show is None or default in (None, ()) else f"`{kind.show(default)}`"
        rows.append(f"| `{spelled}` | `VIEWSTREAM_{name.upper()}` | {shown} | {option.help} |")
    return rows


def test_the_docs_have_one_table_of_all_options() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    found = re.findall(r"^\| `[^`]+` \| `VIEWSTREAM_.*$", text, re.MULTILINE)
    assert found == option_rows(), "\n".join(option_rows())
