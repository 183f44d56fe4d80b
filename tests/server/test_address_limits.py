"""Limits by the client's address, and the address that a trusted proxy names."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.access.address_limits import MAX_BUCKETS, AddressLimits
from server.access.rate import Bucket, Rate
from tests.server.fake_engine import FakeEngine
from tests.server.frames import PING
from tests.server.served import Served, wait_for_clients
from tests.server.test_events import EVENTS
from tests.server.test_slow_clients import raw

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::1")]

CLIENTS: dict[str, tuple[str, str | None, str]] = {
    "no proxy": ("203.0.113.5", None, "203.0.113.5"),
    "a client that lies": ("203.0.113.5", "1.2.3.4", "203.0.113.5"),
    "a proxy": ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
    "a proxy that adds nothing": ("10.0.0.1", None, "10.0.0.1"),
    "a proxy's own client lies": ("10.0.0.1", "1.2.3.4, 203.0.113.5", "203.0.113.5"),
    "two proxies": ("10.0.0.1", "1.2.3.4, 203.0.113.5, 10.9.9.9", "203.0.113.5"),
    "nothing but proxies": ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    "a port": ("10.0.0.1", "203.0.113.5:1234", "203.0.113.5"),
    "IPv6": ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    "IPv6 with a port": ("10.0.0.1", "[2001:db8:1:2:3::4]:80", "2001:db8:1:2::/64"),
    "a neighbour of a proxy": ("2001:db8::2", "1.2.3.4", "2001:db8::/64"),
    "a proxy of IPv6": ("2001:db8::1", "1.2.3.4", "1.2.3.4"),
    "IPv4 in IPv6": ("::ffff:10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),
    "a zone": ("fe80::1%eth0", None, "fe80::/64"),
    "no address": ("10.0.0.1", "unknown", "an unknown address"),
    "no address that changes each time": ("10.0.0.1", "_x81", "an unknown address"),
    "an address in quotes": ("10.0.0.1", '"1.2.3.4"', "an unknown address"),
    "an empty header": ("10.0.0.1", "", "an unknown address"),
    "loopback": ("::1", None, "::1"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_client_is_the_last_one_that_no_proxy_of_ours_is(name: str) -> None:
    peer, forwarded, network = CLIENTS[name]
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert AddressLimits(PROXIES).client_network(peer, headers) == network


def test_without_proxies_nobody_is_believed() -> None:
    limits = AddressLimits()
    assert limits.client_network("127.0.0.1", {"X-Forwarded-For": "1.2.3.4"}) == "127.0.0.1"


def test_clients_of_one_address_are_counted() -> None:
    limits = AddressLimits(max_clients=2)
    for _ in range(2):
        assert limits.refuse("1.2.3.4", 0) is None
        limits.add("1.2.3.4")
    refusal = limits.refuse("1.2.3.4", 0)
    assert refusal is not None
    assert refusal.status == 429
    assert refusal.sentence == (
        "there are 2 clients of 1.2.3.4; if it is a proxy, name it with --proxy"
    )
    assert limits.refuse("1.2.3.5", 0) is None
    limits.remove("1.2.3.4")
    assert limits.refuse("1.2.3.4", 0) is None


def test_handshakes_of_one_address_have_a_rate() -> None:
    limits = AddressLimits(max_clients=1000)
    assert not any(limits.refuse("1.2.3.4", 0) for _ in range(200))
    refusal = limits.refuse("1.2.3.4", 0)
    assert refusal is not None
    assert (refusal.status, refusal.sentence.partition(";")[0]) == (
        429,
        "1.2.3.4 connects too often: at most 50 times a second",
    )
    assert limits.refuse("1.2.3.5", 0) is None
    assert sum(limits.refuse("1.2.3.4", 1000) is None for _ in range(100)) == 50


def test_this_machine_is_limited_only_if_asked_for() -> None:
    for max_clients, is_limited in [(None, False), (1, True)]:
        limits = AddressLimits(max_clients=max_clients)
        for address in ("127.0.0.1", "::1"):
            limits.add(address)
            assert (limits.refuse(address, 0) is not None) == is_limited


def test_addresses_that_are_idle_are_forgotten() -> None:
    limits = AddressLimits()
    for n in range(3 * MAX_BUCKETS):
        limits.refuse(f"address {n}", n * 100)
    assert len(limits._buckets) <= MAX_BUCKETS


def test_a_bucket_fills_again() -> None:
    bucket = Bucket(Rate(burst=2, per_second=10), at=0)
    assert [bucket.try_take(0) for _ in range(3)] == [True, True, False]
    assert bucket.try_take(100)
    assert not bucket.try_take(199)
    assert not bucket.is_full(250)
    assert bucket.is_full(1_000_000)
    assert bucket.take(1_000_000, 2) == 0
    assert bucket.take(1_000_000, 5) == 0.5


# --- a server --------------------------------------------------------------------------------


def test_clients_behind_a_proxy_are_limited_each_by_its_own_address(engine: FakeEngine) -> None:
    options = ("--proxy", "127.0.0.1", "--max-clients-per-address", "1")
    with Served(engine, *options) as served:
        first = served.open(additional_headers={"X-Forwarded-For": "1.2.3.4"})
        first.base()
        served.open(additional_headers={"X-Forwarded-For": "1.2.3.4, 1.2.3.5"}).base()
        refused = "there are 1 clients of 1.2.3.4; if it is a proxy, name it with --proxy"
        for forwarded in ("1.2.3.4", "5.6.7.8, 1.2.3.4"):
            headers = {"X-Forwarded-For": forwarded}
            with pytest.raises(InvalidStatus) as status:
                served.open(additional_headers=headers)
            assert status.value.response.status_code == 429
            assert status.value.response.headers["Retry-After"] == "5"
            assert refused in (status.value.response.body or b"").decode()
            with pytest.raises(ConnectionClosed) as closed:
                served.open(additional_headers=headers, origin=served.url).next()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, refused)
            url = f"{served.url}/view/stream?view=top10"
            answer = requests.get(url, headers={**EVENTS, **headers}, timeout=20)
            assert answer.status_code == 429
        served.process.wait_for("refused GET '/view/stream' from 1.2.3.4: 429 there are 1 clients")
        first.connection.close()
        wait_for_clients(served, 1)
        served.open(additional_headers={"X-Forwarded-For": "1.2.3.4"}).base()


def test_a_client_that_does_not_answer_pings_is_gone_though_its_view_is_quiet(
    engine: FakeEngine,
) -> None:
    """As one behind a cut network: its socket takes everything, and nothing ever comes back.

    The other one has six seconds for each pong.
    """
    with Served(engine, bounds={"hub": {"stall_after": 12_000, "status_every": 100}}) as served:
        served.post(900, 1001)
        alive = served.open()
        alive.base()
        with raw(served) as silent:
            wait_for_clients(served, 2)
            wait_for_clients(served, 1)
            for _ in silent.messages():
                pass
            assert (PING, False) in silent.reader.frames
        assert (
            'viewstream_disconnects_total{code="4008",reason="client_too_slow"} 1.0'
            in served.metrics()
        )
        served.post(1001, 1002)
        assert alive.delta().upper == 1002, "the other one has answered its pings"
