"""One path and its calls."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anselai.entrypoints.http.errors import RequestRefused

Handler = Callable[[Request], Awaitable[Response]]


class Resource:
    """The endpoint of a path: a handler for each method. GET serves HEAD too, OPTIONS tells what there is."""

    __slots__ = ("allow", "handlers")

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = dict(handlers)
        if "GET" in handlers:
            self.handlers["HEAD"] = handlers["GET"]
        self.allow = ", ".join([*self.handlers, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        handler = self.handlers.get(method)
        response = self._without_handler(method) if handler is None else await handler(Request(scope, receive, send))
        if method == "HEAD":
            response.body = b""  # the headers, the length among them, stay those of GET
        await response(scope, receive, send)

    def _without_handler(self, method: str) -> Response:
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self.allow})
        raise RequestRefused(
            405, "METHOD_NOT_ALLOWED", f"This address takes {self.allow} only.", headers={"Allow": self.allow}
        )
