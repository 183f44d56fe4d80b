"""The same over TLS, where every byte goes through Tornado's stream.

The certificate in `data/` is for 127.0.0.1, signed by itself and good for nothing else.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import requests

from tests.server.fake_engine import FakeEngine
from tests.server.served import JSON, Served
from tests.support.processes import Process
from viewstream.protocol import Delta, encode

DATA = Path(__file__).parent / "data"
TLS = ("--certificate", str(DATA / "certificate.pem"), "--key", str(DATA / "key.pem"))


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for certificate, reason in [("none.pem", "No such file"), ("empty.pem", "PEM")]:
        files = ("--certificate", str(tmp_path / certificate), "--key", TLS[3])
        command = [sys.executable, "-m", "server", "--listen", "127.0.0.1:0", *files, "top10"]
        with Process(command) as process:
            assert process.wait() == 1
            assert f"server: cannot serve TLS with {tmp_path / certificate} and" in process.stderr
            assert reason in process.stderr
            assert "Traceback" not in process.stderr


def test_a_page_of_the_same_name_without_tls_is_another_site(engine: FakeEngine) -> None:
    with Served(engine, *TLS) as served:
        for origin, status in [(served.url, 400), (served.url.replace("https", "http"), 403)]:
            url = served.url + "/view/rows?view=nosuch&view=top10"
            answer = requests.get(url, headers={"Origin": origin}, verify=TLS[1], timeout=20)
            assert answer.status_code == status, origin


def test_base_and_deltas_over_tls(engine: FakeEngine) -> None:
    engine.rows = [(f"user {n} " + "x" * 1000, str(n)) for n in range(3_000)]
    with Served(engine, *TLS) as served:
        assert served.url.startswith("https://")

        def post(delta: Delta) -> None:
            requests.post(
                served.url + "/view/deltas",
                data=encode(delta),
                headers=JSON,
                verify=TLS[1],
                timeout=20,
            ).raise_for_status()

        post(Delta("top10", engine.epoch, 900, 1001, []))
        context = ssl.create_default_context(cafile=TLS[1])
        quick = served.open(ssl=context)
        late = served.open(ssl=context)
        assert quick.base() == engine.base("top10")
        for n in range(1001, 1021):
            post(Delta("top10", engine.epoch, n, n + 1, [(n, 1, ("x" * 100_000, str(n)))]))
        for watcher in (quick, late):
            frontier = watcher.base().upper if watcher is late else 1001
            while frontier < 1021:
                delta = watcher.delta()
                assert delta.lower == frontier, "not adjacent"
                frontier = delta.upper
