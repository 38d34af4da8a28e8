"""The whole HTTP side over an open AnselAI. Nothing is built when this is imported."""

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Scope

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.areas import is_for_programs
from anselai.entrypoints.http.connections import ConnectionCalls
from anselai.entrypoints.http.dashboard.dashboard import Dashboard
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.errors import Failure
from anselai.entrypoints.http.gated_app import build_entry, build_gated_app
from anselai.entrypoints.http.health import HealthCalls
from anselai.entrypoints.http.metrics import MetricsCalls
from anselai.entrypoints.http.monitoring import MonitoringCalls
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.http.platforms import PlatformCalls
from anselai.entrypoints.http.sync import SyncCalls


def build_app(
    ansel: Ansel,
    *,
    doors: Doors | None = None,
    sign_in_code: OneTimeCode | None = None,
    scheduler_runs_here: bool = True,
) -> Starlette:
    """The API under /api, the probes, the figures for operators, and the dashboard.

    `sign_in_code` is that of the link which was printed, if one was. `scheduler_runs_here` tells /readyz whose
    scheduler to miss.
    """
    doors = doors or Doors()
    dashboard = Dashboard.over(ansel, sign_in_code or OneTimeCode(clock=ansel.clock))
    entry = build_entry(ansel, doors, cookies=dashboard.cookies, lead_to_sign_in=dashboard.lead_to_sign_in)

    def render_failure(scope: Scope, failure: Failure, request_id: str) -> Response:
        if is_for_programs(scope["path"]):
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
        *dashboard.routes(entry),
    ]
    return build_gated_app(ansel, routes, render_failure, entry)
