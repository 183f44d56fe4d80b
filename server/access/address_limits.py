"""Limits by the client's address, which a trusted proxy (`--proxy`) names in X-Forwarded-For."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from server.access.access import is_loopback
from server.access.rate import Bucket, Rate
from server.access.refusal import Refusal

Network: TypeAlias = IPv4Network | IPv6Network

CLIENTS_PER_ADDRESS = 1_000
"""Clients of one address, unless `--max-clients-per-address` is given. A large office is one."""
MAX_BUCKETS = 1_000
"""Addresses whose rate is kept before those that are idle are dropped."""
HINT = "if it is a proxy, name it with --proxy"
_NO_ADDRESS = "an unknown address"
_PREFIX = 64
"""Bits of an IPv6 address that name a network: one host may use all addresses in it."""


class AddressLimits:
    """Counts clients and handshakes by network: an IPv4 address, or 64 bits of an IPv6 one.

    `max_clients` is the limit of `--max-clients-per-address`. Without it, programs on this machine
    have none: a proxy or a load test is one.
    """

    def __init__(self, proxies: Iterable[Network] = (), max_clients: int | None = None) -> None:
        self._proxies = tuple(proxies)
        self._limits_loopback = max_clients is not None
        self._max_clients = max_clients or CLIENTS_PER_ADDRESS
        self._rate = Rate(max(20, self._max_clients / 5), max(5, self._max_clients / 20))
        self._clients: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}

    def client_network(self, peer: str, headers: Mapping[str, str]) -> str:
        """The network of a request's client: the peer's, or that of the last one that is no proxy.

        What is to the left of it in X-Forwarded-For was written by the client, which may lie.
        """
        client = peer
        forwarded = headers.get("X-Forwarded-For")
        if forwarded is not None:
            names = forwarded.split(",")
            while names and self.is_proxy(client):
                client = names.pop().strip()
        return _network(client)

    def is_proxy(self, address: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        return bool(self._proxies) and _is_in(address, self._proxies)

    def is_limited(self, network: str) -> bool:
        return self._limits_loopback or not is_loopback(network)

    def refuse(self, network: str, now: int) -> Refusal | None:
        """Count a handshake, and refuse it if its network has too many, or too many a second."""
        if not self.is_limited(network):
            return None
        bucket = self._buckets.get(network)
        if bucket is None:
            self._forget_idle(now)
            bucket = self._buckets[network] = Bucket(self._rate, now)
        if not bucket.try_take(now):
            often = (
                f"{network} connects too often: at most {self._rate.per_second:g} times a second"
            )
            return Refusal(429, f"{often}; {HINT}")
        if self._clients[network] >= self._max_clients:
            return Refusal(429, f"there are {self._max_clients} clients of {network}; {HINT}")
        return None

    def add(self, network: str) -> None:
        """Count a client."""
        self._clients[network] += 1

    def remove(self, network: str) -> None:
        """Count a client no more."""
        self._clients[network] -= 1
        if not self._clients[network]:
            del self._clients[network]

    def _forget_idle(self, now: int) -> None:
        if len(self._buckets) >= MAX_BUCKETS:
            used = {at: one for at, one in self._buckets.items() if not one.is_full(now)}
            self._buckets = used if len(used) < MAX_BUCKETS / 2 else {}


@lru_cache(4096)
def _network(name: str) -> str:
    """Return an IPv4 address, or the network of an IPv6 one, without port and zone.

    All names that are no addresses are one, or each would have limits of its own.
    """
    address = _parse(name)
    if address is None:
        return _NO_ADDRESS
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(IPv6Network((address, _PREFIX), strict=False))
    return str(address)


@lru_cache(4096)
def _is_in(name: str, networks: tuple[Network, ...]) -> bool:
    address = _parse(name)
    return address is not None and any(address in network for network in networks)


def _parse(name: str) -> IPv4Address | IPv6Address | None:
    """Parse an address as proxies write it: `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5`."""
    text = name.partition("]")[0].removeprefix("[")
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
