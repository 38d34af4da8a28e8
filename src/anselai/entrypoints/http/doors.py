"""How this process is reached, by whom, and how much of it anybody gets."""

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from anselai.entrypoints.http.hosts import names_of
from anselai.entrypoints.http.remote import Network
from anselai.settings import Settings

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  where one listens, and nobody's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests at once, of all and of one key or address; and at once and for each second: requests of one key, and
    wrong keys and attempts to sign in from one address.
    """

    requests_at_once: int = 256
    requests_at_once_of_one: int = 64
    requests_of_a_key: int = 500
    requests_of_a_key_per_second: float = 50.0
    wrong_keys: int = 500
    wrong_keys_per_second: float = 50.0
    sign_ins: int = 10
    sign_ins_per_second: float = 1 / 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Without settings: this machine's own names, no proxy, no other site, and nobody without a key."""

    auth: bool = True
    hosts: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    cors_origins: frozenset[bytes] = frozenset()
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, settings: Settings) -> "Doors":
        return cls(
            auth=settings.auth,
            hosts=names_of([settings.host, *settings.allowed_hosts]) - _EVERYWHERE,
            proxies=tuple(ip_network(each) for each in settings.trusted_proxies),
            cors_origins=frozenset(each.encode() for each in settings.cors_origins),
        )
