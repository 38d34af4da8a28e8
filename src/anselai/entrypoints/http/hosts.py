"""Under which names we answer. A page somewhere else may let a name of its own point here (DNS rebinding)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.head import Head
from anselai.settings import is_loopback

_LONGEST_HOST = 255
_MOST_REMEMBERED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCheck:
    """This machine's own names always count, and the `allowed` ones, in lower case and without a port.

    `accepted` are Host headers that were found to be ours.
    """

    allowed: frozenset[str] = frozenset()
    accepted: set[bytes] = field(default_factory=set, init=False)

    def check(self, head: Head) -> None:
        """Raises RequestRefused."""
        host = head.only(b"host")
        if host is None or not self._is_ours(host):
            raise RequestRefused(
                421,
                "HOST_NOT_ALLOWED",
                "AnselAI answers under names that it knows only, such as 127.0.0.1. ANSELAI_ALLOWED_HOSTS adds others.",
            )

    def _is_ours(self, host: bytes) -> bool:
        if host in self.accepted:
            return True
        name = _host_name(host)
        ours = name is not None and (name in self.allowed or is_loopback(name))
        if ours and len(self.accepted) < _MOST_REMEMBERED:  # a port is part of it, so that there may be many
            self.accepted.add(host)
        return ours


def names_of(hosts: Iterable[str]) -> frozenset[str]:
    """The names as a Host header is compared with them."""
    return frozenset(each.strip("[]").lower() for each in hosts)


def _host_name(host: bytes) -> str | None:
    """The name of a Host header, in lower case and without its port; None where it is no such header."""
    if len(host) > _LONGEST_HOST or not host.isascii():
        return None
    text = host.decode().lower()
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        well_formed = bool(bracket) and (rest == "" or (rest != port and port.isdecimal()))
    else:
        name, colon, port = text.partition(":")
        well_formed = not colon or port.isdecimal()
    return name if well_formed else None
