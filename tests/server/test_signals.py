"""SIGHUP reads files again, and ends a server only as SIGTERM does."""

from __future__ import annotations

import datetime
import os
import pty
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from scripts.procfs import children_of
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import PATIENCE, ROOT, wait_until


def write_certificate(certificate: Path, key_file: Path) -> None:
    """A new key, and a certificate that it signs for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.datetime(2020, 1, 1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_sighup_keeps_every_client(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open()
    watcher.base()
    served.process.send(signal.SIGHUP)
    served.process.wait_for("were read again")
    served.post(1001, 1002)
    assert watcher.delta().upper == 1002


@pytest.mark.parametrize("options", [(), ("--tail", "--processes", "2")])
def test_no_signal_ends_clients_without_a_delay(
    engine: FakeEngine, options: tuple[str, ...]
) -> None:
    """SIGUSR1 and SIGUSR2 mean nothing to the server; SIGQUIT is what a terminal's ^\\ sends."""
    with Served(engine, *options) as served:
        watcher = served.open()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            served.process.send(number)
        served.process.send(signal.SIGHUP)
        served.process.wait_for("were read again")
        served.process.send(signal.SIGQUIT)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                watcher.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert closed.value.rcvd.reason.startswith("retry=")
        assert served.process.wait() == 0


def test_a_certificate_is_read_again(engine: FakeEngine, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key)
    with Served(engine, "--certificate", str(certificate), "--key", str(key)) as served:
        host, port = served.url.removeprefix("https://").split(":")

        def shown() -> str:
            return ssl.get_server_certificate((host, int(port)), timeout=20)

        first = shown()
        assert first == certificate.read_text()
        whole = key.read_text()
        write_certificate(certificate, key)
        new_key = key.read_text()
        key.write_text(whole)  # the old key does not fit the new certificate
        served.process.send(signal.SIGHUP)
        served.process.wait_for("kept what was read before: cannot serve TLS with")
        assert shown() == first
        key.write_text(new_key)
        served.process.send(signal.SIGHUP)
        wait_until(lambda: shown() == certificate.read_text(), "the new certificate")


def test_sighup_reaches_every_process(engine: FakeEngine) -> None:
    with Served(engine, "--tail", "--processes", "2") as served:
        served.process.wait_for(r"(?s)(server \d: listening on \S+\s.*){2}")
        before = children_of(served.process.pid)
        served.process.send(signal.SIGHUP)
        served.process.wait_for(r"(?s)(were read again.*){2}")
        assert children_of(served.process.pid) == before


@pytest.mark.parametrize("options", [(), ("--tail", "--processes", "2")])
def test_a_closed_terminal_ends_the_server_as_sigterm_does(
    engine: FakeEngine, options: tuple[str, ...]
) -> None:
    shown, terminal = pty.openpty()
    command = [sys.executable, "-m", "server", "--dsn", engine.dsn, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, *options, "top10"],
        cwd=ROOT,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        # The terminal becomes the session's, so that its end is signalled.
        preexec_fn=lambda: os.close(os.open(os.ttyname(terminal), os.O_RDWR)),
    ) as process:
        try:
            os.close(terminal)
            output = b""
            while (found := re.search(rb"listening on http(://\S+)\s", output)) is None:
                output += os.read(shown, 4096)
            address = f"ws{found[1].decode()}/view/stream?view=top10"
            with connect(address, open_timeout=PATIENCE) as client:
                os.close(shown)
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        client.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.reason.startswith("retry=")
            assert process.wait(PATIENCE) in (0, 1)  # 1: the log has nowhere to go
        finally:
            process.kill()
