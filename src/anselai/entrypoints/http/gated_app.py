"""An application behind the gate: what every one of ours has, whatever its routes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.api_error_log import ApiErrorLog
from anselai.entrypoints.http.error_report import ErrorReport
from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.middleware import Gate, RenderFailure
from anselai.entrypoints.http.monitoring import MonitoringCalls
from anselai.entrypoints.http.origin import OriginCheck


def build_gated_app(ansel: Ansel, routes: Sequence[Route], render_failure: RenderFailure) -> Starlette:
    """`app.state.api_errors` keeps errors of the API; the lifespan writes the last of them."""
    api_errors = ApiErrorLog(sync_log=ansel.sync_log)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await api_errors.close()

    gate = Middleware(
        Gate,
        origin=OriginCheck(),
        report=ErrorReport(api_errors=api_errors, telemetry=ansel.monitoring.telemetry),
        render_failure=render_failure,
    )
    app = Starlette(routes=routes, middleware=[gate], lifespan=lifespan)
    app.router.redirect_slashes = False
    app.router.default = _nothing_here
    app.state.api_errors = api_errors
    return app


def build_metrics_app(ansel: Ansel) -> Starlette:
    """/metrics and nothing else, for a scheduler that runs without the HTTP API."""
    routes = MonitoringCalls(monitoring=ansel.monitoring).routes()
    return build_gated_app(ansel, routes, lambda _scope, failure, _request_id: refuse(failure))


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    raise RequestRefused(404, "NOT_FOUND", "There is nothing at this address.")
