"""DSNs that libpq would refuse only when it connects: refused at the start, and never shown."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from viewstream.dsn import usable_dsn
from viewstream.engine import DEFAULT_DSN

BAD = {
    "postgres://u:s3cret@h:abc/db": "a port from 1 to 65535",
    "postgres://u:s3cret@h:70000/db": "a port from 1 to 65535",
    "postgres://u:s3/cret@h/db": "a port from 1 to 65535",
    "postgres://u:p@s3cret@h/db": "the name of a host",
    "host=h port=-5 password=s3cret": "a port from 1 to 65535",
    "host=a,b port=1,s3cret": "a port from 1 to 65535",
    "host=h connect_timeout=s3cret": "a whole number as connect_timeout",
    "host=h sslmode=s3cret": "one of disable, allow",
    "host=h keepalives_count=s3cret": "a whole number as keepalives_count",
    "host=h target_session_attrs=s3cret": "one of any, read-write",
    "host=h gssencmode=s3cret": "one of disable, prefer, require as gssencmode",
    "host=h ssl_min_protocol_version=s3cret": "one of TLSv1, TLSv1.1",
    "password=my s3cret": "a DSN as libpq reads it",
    "nonsense=1 password=s3cret": "a DSN as libpq reads it",
    "postgres://u:s3cret%@h": "a DSN as libpq reads it",
}


@pytest.mark.parametrize("text", BAD)
def test_a_dsn_that_cannot_be_used_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        usable_dsn(text)
    assert f"expected {BAD[text]}" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            DEFAULT_DSN,
            "postgresql://u@h:5432/db",
            "postgres://u:p%40ss%2F@h/db?sslmode=require",
        ),
        *(
            "host=/var/run/postgresql",
            "host=a,b port=1,2",
            "host=a,b port=1",
            "postgres://[::1]:5/d",
        ),
        "host=h gssencmode=disable target_session_attrs=any ssl_min_protocol_version=TLSv1.2",
        "host=h connect_timeout=10 keepalives_idle=5 password='my pass'",
    ],
)
def test_other_dsns_are_left_as_they_are(text: str) -> None:
    assert usable_dsn(text) == text


SERVICES = """
[good]
host=h
port=5,6
password=s3cret
[port]
port=s3cret
[nested]
service=good
"""


@pytest.mark.parametrize(
    ("dsn", "is_usable"),
    [
        *(("service=good", True), ("service=good host=h hostaddr=127.0.0.1", True), ("", True)),
        *(("service=none", False), ("service=port", False), ("service=nested", False)),
    ],
)
@pytest.mark.parametrize("is_in_environment", [False, True])
def test_a_service_must_be_one_of_the_service_file(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dsn: str,
    *,
    is_usable: bool,
    is_in_environment: bool,
) -> None:
    file = tmp_path / "services"
    file.write_text(SERVICES)
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    if is_in_environment and dsn:
        name, _, dsn = dsn.removeprefix("service=").partition(" ")
        monkeypatch.setenv("PGSERVICE", name)
    if is_usable:
        assert usable_dsn(dsn) == dsn
        return
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        usable_dsn(dsn)
    assert "expected a service that libpq finds" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640])
def test_a_password_file_that_libpq_would_warn_of_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    """libpq writes the warning to stderr itself, for each connection: no log bounds it."""
    file = tmp_path / "passwords"
    file.write_text("*:*:*:*:s3cret")
    file.chmod(mode)
    for name in ("PGPASSFILE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    dsn = f"host=127.0.0.1 port=1 passfile={file}"
    connect = [sys.executable, "-c", "import psycopg2, sys; psycopg2.connect(sys.argv[1])", dsn]
    done = subprocess.run(connect, capture_output=True, text=True, timeout=60, check=False)
    does_warn = "WARNING: password file" in done.stderr
    assert does_warn == (mode & 0o077 != 0)
    assert usable_dsn(f"{dsn} password=s3cret")
    if does_warn:
        with pytest.raises(argparse.ArgumentTypeError, match="only its owner can read"):
            usable_dsn(dsn)
    else:
        assert usable_dsn(dsn) == dsn


COMMANDS = {
    "server": ["-m", "server", "--listen", "127.0.0.1:0", "top10"],
    "tail_view.py": ["tail_view.py", "top10"],
    "pipeline": ["-m", "scripts.pipeline", "top10"],
    "apply_sql": ["-m", "scripts.apply_sql"],
    "types": ["-m", "scripts.view_types", "top10"],
    "serve": ["-m", "scripts.serving.serve"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_with_status_2(name: str) -> None:
    dsn = next(iter(BAD))
    command = [sys.executable, *COMMANDS[name], "--dsn", dsn]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "expected a port from 1 to 65535 in the DSN" in done.stderr
    assert "s3cret" not in done.stderr
    assert "abc" not in done.stderr
