"""Sockets at which the server listens: one port for all addresses, and none left open."""

from __future__ import annotations

import errno
import gc
import socket
import warnings

import pytest

from server.wire.listening import listen, url_of


def test_all_addresses_of_a_name_get_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, ("127.0.0.2", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    both.append(both[0])  # a resolver may name an address twice
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in both]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    sockets = listen("two.example", 0)
    names = [one.getsockname() for one in sockets]
    for one in sockets:
        assert one.getblocking() is False
        one.close()
    assert [host for host, _ in names] == ["127.0.0.1", "127.0.0.2"]
    assert len({port for _, port in names}) == 1


def test_an_address_that_the_machine_has_not_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [("192.0.2.1", 0), ("127.0.0.1", 0)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in both]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    (only,) = listen("localhost", 0)
    assert only.getsockname()[0] == "127.0.0.1"
    only.close()
    found.pop()
    with pytest.raises(OSError, match="assign requested address") as raised:
        listen("localhost", 0)
    assert raised.value.errno == errno.EADDRNOTAVAIL


def test_no_socket_is_left_open_if_a_port_is_in_use() -> None:
    (used,) = listen("127.0.0.1", 0)
    port = used.getsockname()[1]
    gc.collect()  # what earlier tests left
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(OSError, match="Address already in use") as raised:
            listen("127.0.0.1", port)
        assert "attempting" not in str(raised.value)
        del raised
        gc.collect()
    used.close()
    assert [str(warning.message) for warning in caught] == []


def test_a_port_can_be_shared() -> None:
    (first,) = listen("127.0.0.1", 0, shares_port=True)
    (second,) = listen("127.0.0.1", first.getsockname()[1], shares_port=True)
    assert url_of(first, is_tls=False) == url_of(second, is_tls=False)
    first.close()
    second.close()


class Named:
    """A socket with this address, whether the machine has IPv6 or not."""

    def __init__(self, *address: object) -> None:
        self._address = address

    def getsockname(self) -> tuple[object, ...]:
        return self._address


def test_a_url_has_brackets_around_an_address_of_ipv6() -> None:
    assert url_of(Named("::1", 8888, 0, 0), is_tls=True) == "https://[::1]:8888"
    assert url_of(Named("127.0.0.1", 8888), is_tls=False) == "http://127.0.0.1:8888"
