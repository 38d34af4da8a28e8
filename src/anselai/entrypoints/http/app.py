"""The whole HTTP side over an open AnselAI. Nothing is built when this is imported."""

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Scope

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.connections import ConnectionCalls
from anselai.entrypoints.http.dashboard.dashboard import Dashboard
from anselai.entrypoints.http.error_report import is_api
from anselai.entrypoints.http.errors import Failure
from anselai.entrypoints.http.gated_app import build_gated_app
from anselai.entrypoints.http.health import HealthCalls
from anselai.entrypoints.http.metrics import MetricsCalls
from anselai.entrypoints.http.monitoring import MonitoringCalls
from anselai.entrypoints.http.platforms import PlatformCalls
from anselai.entrypoints.http.sync import SyncCalls

_FOR_MACHINES = ("/healthz", "/readyz", "/metrics")


def build_app(ansel: Ansel, *, scheduler_runs_here: bool = True) -> Starlette:
    """The API under /api, the probes, the figures for operators, and the dashboard.

    `scheduler_runs_here` tells /readyz whose scheduler to miss.
    """
    dashboard = Dashboard.over(ansel)

    def render_failure(scope: Scope, failure: Failure, request_id: str) -> Response:
        if is_api(scope) or scope["path"] in _FOR_MACHINES:
            return refuse(failure)
        return dashboard.error_page(scope, failure, request_id)

    routes = [
        *ConnectionCalls(connections=ansel.connections).routes(),
        *SyncCalls(scheduler=ansel.scheduler).routes(),
        *MetricsCalls(insights=ansel.insights).routes(),
        *PlatformCalls(platforms=ansel.platforms).routes(),
        *HealthCalls(
            health=ansel.health, workers=ansel.scheduler.workers, scheduler_runs_here=scheduler_runs_here
        ).routes(),
        *MonitoringCalls(monitoring=ansel.monitoring).routes(),
        *dashboard.routes(),
    ]
    return build_gated_app(ansel, routes, render_failure)
