"""The other end of a connection. What a proxy says of it counts only where the proxy is one that we were told of."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from starlette.types import Scope

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_MOST_HOPS = 20  # more proxies in a row than anybody has


@dataclass(frozen=True, slots=True)
class Remote:
    """`is_tls`: what they sent was encrypted on its way, to us or to a proxy of ours."""

    address: str
    is_tls: bool

    @property
    def neighbourhood(self) -> str:
        """The address, or for one of IPv6 its /64: so many are had by whoever has one."""
        found = _address(self.address)
        if isinstance(found, IPv6Address):
            return str(IPv6Network((found, 64), strict=False))
        return self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: none, unless there are `networks`."""

    networks: tuple[Network, ...] = ()

    def remote_of(self, scope: Scope) -> Remote:
        client = scope.get("client")
        peer: str = client[0] if client else ""
        is_tls = scope["scheme"] == "https"
        if not self.networks or not self._is_ours(peer):
            return Remote(peer, is_tls)
        return Remote(self._first_stranger(peer, scope), is_tls or _forwarded_scheme(scope) == b"https")

    def _first_stranger(self, peer: str, scope: Scope) -> str:
        """Back along the hops, each of which the one before it wrote, to the first that is no proxy of ours."""
        address = peer
        for hop in _hops(scope):
            found = _address(hop)
            if found is None:
                break
            address = str(found)
            if not self._is_ours(address):
                break
        return address

    def _is_ours(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found in each for each in self.networks)


def _hops(scope: Scope) -> Iterator[str]:
    """What X-Forwarded-For says, the nearest first."""
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = ",".join(told).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:] if told else []
    yield from reversed(hops)


def _forwarded_scheme(scope: Scope) -> bytes:
    """What the nearest proxy says that it was asked by."""
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-proto")
    return told.rpartition(b",")[2].strip().lower()


def _address(text: str) -> Address | None:
    """The address in a text, with or without a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
