"""The whole HTTP side over an open AnselAI. Nothing is built when this is imported."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.api_error_log import ApiErrorLog
from anselai.entrypoints.http.connections import ConnectionCalls
from anselai.entrypoints.http.dashboard.dashboard import Dashboard
from anselai.entrypoints.http.error_report import ErrorReport, is_api
from anselai.entrypoints.http.errors import Failure, RequestRefused
from anselai.entrypoints.http.health import HealthCalls
from anselai.entrypoints.http.metrics import MetricsCalls
from anselai.entrypoints.http.middleware import Gate
from anselai.entrypoints.http.origin import OriginCheck
from anselai.entrypoints.http.platforms import PlatformCalls
from anselai.entrypoints.http.sync import SyncCalls

_PROBES = ("/healthz", "/readyz")


def build_app(ansel: Ansel, *, scheduler_runs_here: bool = True) -> Starlette:
    """The API under /api, the probes, and the dashboard.

    `scheduler_runs_here` tells /readyz whose scheduler to miss. `app.state.api_errors` keeps errors of the API; the
    lifespan writes the last of them.
    """
    api_errors = ApiErrorLog(sync_log=ansel.sync_log)
    dashboard = Dashboard.over(ansel)

    def render_failure(scope: Scope, failure: Failure, request_id: str) -> Response:
        if is_api(scope) or scope["path"] in _PROBES:
            return refuse(failure)
        return dashboard.error_page(scope, failure, request_id)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await api_errors.close()

    gate = Middleware(
        Gate,
        origin=OriginCheck(),
        report=ErrorReport(api_errors=api_errors),
        render_failure=render_failure,
    )
    app = Starlette(
        routes=[
            *ConnectionCalls(connections=ansel.connections).routes(),
            *SyncCalls(scheduler=ansel.scheduler).routes(),
            *MetricsCalls(insights=ansel.insights).routes(),
            *PlatformCalls(platforms=ansel.platforms).routes(),
            *HealthCalls(
                health=ansel.health, workers=ansel.scheduler.workers, scheduler_runs_here=scheduler_runs_here
            ).routes(),
            *dashboard.routes(),
        ],
        middleware=[gate],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.router.default = _nothing_here
    app.state.api_errors = api_errors
    return app


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    raise RequestRefused(404, "NOT_FOUND", "There is nothing at this address.")
