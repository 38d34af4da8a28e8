"""What holds for every request: its id, who may ask, the headers of every answer, and errors that become answers."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anselai.entrypoints.http.error_report import ErrorReport
from anselai.entrypoints.http.errors import Failure, failure_of
from anselai.entrypoints.http.head import check_head
from anselai.entrypoints.http.origin import OriginCheck

RenderFailure = Callable[[Scope, Failure, str], Response]

_ID_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_LONGEST_ID = 64
_POLICY = b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer a browser sends `Origin: null` with our own forms
    (b"content-security-policy", _POLICY + b"frame-ancestors 'none'"),
)
_NO_STORE = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Gate:
    """The only middleware: everything that comes in and goes out passes here once."""

    app: ASGIApp
    origin: OriginCheck
    report: ErrorReport
    render_failure: RenderFailure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        answered = False

        async def send_marked(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [*_marked(message["headers"]), (b"x-request-id", request_id)]
            await send(message)

        try:
            check_head(scope)
            self.origin.check(scope)
            await self.app(scope, receive, send_marked)
        except ClientDisconnect:
            return
        except Exception as error:  # the edge of the process: whatever happened inside is an answer here
            failure = failure_of(error, request_id.decode())
            self.report.tell(scope, failure, request_id.decode(), error)
            if answered:
                raise  # too late for another answer: the server ends the connection
            response = self.render_failure(scope, failure, request_id.decode())
            if scope["method"] == "HEAD":
                response.body = b""
            await response(scope, receive, send_marked)


def _marked(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if any(name == b"cache-control" for name, _ in headers):
        return [*headers, *_HEADERS]
    return [*headers, *_HEADERS, _NO_STORE]


def _request_id(scope: Scope) -> bytes:
    """The caller's own id if it is well-formed, otherwise a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if 1 <= len(value) <= _LONGEST_ID and not value.translate(None, _ID_CHARACTERS):
                return bytes(value)
            break
    return secrets.token_hex(8).encode()
