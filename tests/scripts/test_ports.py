"""Free ports are those that neither a listener has nor a kernel gives away by itself."""

import socket

import pytest

from scripts import ports
from scripts.ports import HOST, PortError, free_port


def test_a_free_port_is_below_those_of_connections() -> None:
    port = free_port()
    assert 10_000 <= port < 32_768
    socket.create_server((HOST, port)).close()


def test_a_port_that_is_listened_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(ports, "_NOT_EPHEMERAL", range(taken, taken + 1))
        with pytest.raises(PortError, match=f"no port from {taken} to {taken} is free"):
            free_port()
