"""A request's line and headers: how large they may be, and the headers that decide who may ask."""

import secrets
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from anselai.entrypoints.http.errors import Failure, RequestRefused

LARGEST_HEAD: Final = 32 * 1024  # bytes of path, query and headers
HEAD_TOO_LARGE: Final = Failure(
    status=431,
    code="HEAD_TOO_LARGE",
    message=f"Address and headers may have {LARGEST_HEAD} bytes (32 KiB) together at most.",
)
_BETWEEN: Final = len(b": \r\n")
_KEPT: Final = frozenset(
    {
        *(b"host", b"origin", b"sec-fetch-site", b"authorization", b"cookie", b"x-request-id"),
        *(b"content-length", b"transfer-encoding"),
    }
)
_ID_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Head:
    """Read once, since it is on the path of every request."""

    size: int
    kept: dict[bytes, list[bytes]]

    def all(self, name: bytes) -> list[bytes]:
        return self.kept.get(name, [])

    def only(self, name: bytes) -> bytes | None:
        """The header, if it was sent once: which of two is meant, nobody can know."""
        values = self.kept.get(name)
        return values[0] if values is not None and len(values) == 1 else None

    @property
    def request_id(self) -> bytes:
        """The caller's own if it is well-formed, otherwise a new one."""
        given = self.all(b"x-request-id")
        if given and 1 <= len(given[0]) <= _LONGEST_ID and not given[0].translate(None, _ID_CHARACTERS):
            return bytes(given[0])
        return secrets.token_hex(8).encode()

    def check(self, scope: Scope) -> None:
        """Raises RequestRefused. The server's own limit is not exact: it looks only where a head comes in pieces.

        A proxy may have taken another end of the body than we do, and what follows for a part of it (RFC 9112, 6.1);
        and an address with a host in it may be of another host than its header says.
        """
        if self.size > LARGEST_HEAD:
            raise RequestRefused(HEAD_TOO_LARGE.status, HEAD_TOO_LARGE.code, HEAD_TOO_LARGE.message)
        has_two_ends = self.all(b"transfer-encoding") and (
            self.all(b"content-length") or scope["http_version"] == "1.0"
        )
        if has_two_ends or not scope["path"].startswith("/"):
            raise RequestRefused(
                400,
                "MALFORMED_REQUEST",
                "Send a path that begins with a slash, and either Content-Length or Transfer-Encoding.",
                {"Connection": "close"},
            )


def read_head(scope: Scope) -> Head:
    raw_path: bytes | None = scope.get("raw_path")
    size = len(scope["path"] if raw_path is None else raw_path) + len(scope["query_string"])
    kept: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _BETWEEN
        if name in _KEPT:
            kept.setdefault(name, []).append(value)
    return Head(size, kept)
