"""Which pages of other sites may call the API from a browser: none, unless they were named.

No cookie counts for the API, so that such a page needs a key of its own.
"""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from anselai.entrypoints.http.head import Head

_METHODS: Final = "GET, POST, PUT, DELETE"
_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, X-Request-ID"
_EXPOSED: Final = b"Location, Retry-After, X-Request-ID"
_PREFLIGHT_SECONDS: Final = "600"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    origins: frozenset[bytes] = frozenset()

    def lets(self, head: Head) -> bool:
        """Whether a page of a named origin asks."""
        return bool(self.origins) and head.only(b"origin") in self.origins

    def headers(self, head: Head) -> list[tuple[bytes, bytes]]:
        """What is added to an answer of the API."""
        if not self.origins:
            return []
        vary = (b"vary", b"Origin")  # also where nothing is allowed: a cache must not hand that on
        if not self.lets(head):
            return [vary]
        origin = head.only(b"origin") or b""
        return [vary, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]

    def preflight(self, scope: Scope, head: Head) -> Response | None:
        """The answer to a browser that asks whether the page may; browsers send no key with this question."""
        if scope["method"] != "OPTIONS" or not self.lets(head):
            return None
        if not any(name == b"access-control-request-method" for name, _ in scope["headers"]):
            return None
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _HEADERS,
                "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            },
        )
