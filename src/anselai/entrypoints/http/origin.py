"""Who may ask: this machine under its own names, and no page of another site.

There is no sign-in yet, so a page somewhere else must not be able to act through the photographer's browser: neither by
a name of its own that it lets point here (DNS rebinding), nor by a form or a script that posts here.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from starlette.types import Scope

from anselai.entrypoints.http.errors import RequestRefused

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITE = frozenset({b"same-origin", b"none"})  # `none`: typed into the address bar, or not a browser
_LONGEST_HOST = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginCheck:
    """`accepted` are Host headers that were found to be ours."""

    accepted: set[bytes] = field(default_factory=set)

    def check(self, scope: Scope) -> None:
        """Raises RequestRefused."""
        host = origin = site = None
        hosts = 0
        for name, value in scope["headers"]:
            if name == b"host":
                host, hosts = value, hosts + 1
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
        if host is None or hosts != 1 or not self._is_ours(host):
            raise RequestRefused(
                421, "HOST_NOT_ALLOWED", "AnselAI answers under this machine's own names only, such as 127.0.0.1."
            )
        if scope["method"] in _UNSAFE and _is_cross_site(site, origin, host):
            raise RequestRefused(
                403, "CROSS_SITE_REQUEST", "Another site asked for this change, so it was refused. Use AnselAI itself."
            )

    def _is_ours(self, host: bytes) -> bool:
        if host in self.accepted:
            return True
        name = _host_name(host)
        ours = name is not None and _is_loopback(name)
        if ours and len(self.accepted) < 100:  # a port is part of it, so that there may be many
            self.accepted.add(host)
        return ours


def _is_cross_site(site: bytes | None, origin: bytes | None, host: bytes) -> bool:
    if site is not None and site not in _OWN_SITE:
        return True
    return origin is not None and origin not in (b"http://" + host, b"https://" + host)


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


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
