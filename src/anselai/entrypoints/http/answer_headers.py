"""The headers that every answer gets."""

from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from anselai.entrypoints.http.areas import Area, area_of
from anselai.entrypoints.http.caller import Caller
from anselai.entrypoints.http.cors import Cors
from anselai.entrypoints.http.head import Head

_POLICY: Final = b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
CAREFUL: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer a browser sends `Origin: null` with our own forms
    (b"content-security-policy", _POLICY + b"frame-ancestors 'none'"),
)
NO_STORE: Final = (b"cache-control", b"no-store")
_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")  # a year; says nothing of the site's other names

Headers = Sequence[tuple[bytes, bytes]]


def with_careful_headers(
    given: Headers, scope: Scope, head: Head, caller: Caller, cors: Cors
) -> list[tuple[bytes, bytes]]:
    headers = [*given, *CAREFUL]
    if not any(name == b"cache-control" for name, _ in given):
        headers.append(NO_STORE)
    if caller.remote.is_tls:
        headers.append(_ONLY_TLS)
    if cors.origins and area_of(scope["path"]) is Area.API:
        headers += cors.headers(head)
    if caller.cookie is not None:
        headers.append((b"set-cookie", caller.cookie))
    return headers
