"""No page of another site may act here: neither by a form that posts, nor by a script, unless CORS lets it."""

from dataclasses import dataclass

from starlette.types import Scope

from anselai.entrypoints.http.cors import Cors
from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.head import Head

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITE = frozenset({b"same-origin", b"none"})  # `none`: typed into the address bar, or not a browser


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginCheck:
    cors: Cors

    def check(self, scope: Scope, head: Head, *, is_api: bool) -> None:
        """Raises RequestRefused."""
        if scope["method"] not in _UNSAFE:
            return
        if is_api and self.cors.lets(head):
            return
        if _is_cross_site(head):
            raise RequestRefused(
                403, "CROSS_SITE_REQUEST", "Another site asked for this change, so it was refused. Use AnselAI itself."
            )


def _is_cross_site(head: Head) -> bool:
    if any(site not in _OWN_SITE for site in head.all(b"sec-fetch-site")):
        return True
    host = head.only(b"host") or b""
    return any(origin not in (b"http://" + host, b"https://" + host) for origin in head.all(b"origin"))
