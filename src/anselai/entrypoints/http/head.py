"""How large a request's line and headers may be."""

from typing import Final

from starlette.types import Scope

from anselai.entrypoints.http.errors import RequestRefused

LARGEST_HEAD: Final = 32 * 1024  # bytes of path, query and headers
_BETWEEN: Final = len(b": \r\n")


def check_head(scope: Scope) -> None:
    """Raises RequestRefused. The server's own limit is not exact: it looks only where a head comes in pieces."""
    raw_path: bytes | None = scope.get("raw_path")
    size = len(scope["path"] if raw_path is None else raw_path) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _BETWEEN
    if size > LARGEST_HEAD:
        raise RequestRefused(
            431, "HEAD_TOO_LARGE", f"Address and headers may have {LARGEST_HEAD} bytes (32 KiB) together at most."
        )
