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
from anselai.entrypoints.http.buckets import Buckets
from anselai.entrypoints.http.cors import Cors
from anselai.entrypoints.http.crowd import Crowd
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.entry import Entry, LeadToSignIn
from anselai.entrypoints.http.error_report import ErrorReport
from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.hosts import HostCheck
from anselai.entrypoints.http.middleware import Gate, RenderFailure
from anselai.entrypoints.http.monitoring import MonitoringCalls
from anselai.entrypoints.http.origin import OriginCheck
from anselai.entrypoints.http.remote import TrustedProxies
from anselai.entrypoints.http.session import SessionCookies
from anselai.entrypoints.http.signed_in import SignedIn
from anselai.entrypoints.http.wrong_keys import WrongKeys


def build_gated_app(ansel: Ansel, routes: Sequence[Route], render_failure: RenderFailure, entry: Entry) -> Starlette:
    """`app.state.api_errors` keeps errors of the API; the lifespan writes the last of them."""
    api_errors = ApiErrorLog(sync_log=ansel.sync_log)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await api_errors.close()

    gate = Middleware(
        Gate,
        proxies=TrustedProxies(networks=entry.doors.proxies),
        entry=entry,
        report=ErrorReport(api_errors=api_errors, telemetry=ansel.monitoring.telemetry),
        render_failure=render_failure,
    )
    app = Starlette(routes=routes, middleware=[gate], lifespan=lifespan)
    app.router.redirect_slashes = False
    app.router.default = _nothing_here
    app.state.api_errors = api_errors
    return app


def build_entry(
    ansel: Ansel, doors: Doors, *, cookies: SessionCookies | None = None, lead_to_sign_in: LeadToSignIn | None = None
) -> Entry:
    limits = doors.limits
    crowd = Crowd(most=limits.requests_at_once, most_of_one=limits.requests_at_once_of_one)
    return Entry(
        doors=doors,
        clock=ansel.clock,
        crowd=crowd,
        hosts=HostCheck(allowed=doors.hosts),
        origins=OriginCheck(cors=Cors(origins=doors.cors_origins)),
        cookies=cookies or SessionCookies(signer=ansel.signer, clock=ansel.clock),
        signed_in=SignedIn(access=ansel.access, signer=ansel.signer, ended=ansel.ended_sessions, clock=ansel.clock),
        wrong_keys=WrongKeys(
            access=ansel.access,
            clock=ansel.clock,
            crowd=crowd,
            buckets=Buckets(size=limits.wrong_keys, per_second=limits.wrong_keys_per_second),
        ),
        requests=Buckets(size=limits.requests_of_a_key, per_second=limits.requests_of_a_key_per_second),
        sign_ins=Buckets(size=limits.sign_ins, per_second=limits.sign_ins_per_second),
        lead_to_sign_in=lead_to_sign_in,
    )


def build_metrics_app(ansel: Ansel, doors: Doors | None = None) -> Starlette:
    """/metrics and nothing else, for a scheduler that runs without the HTTP API."""
    routes = MonitoringCalls(monitoring=ansel.monitoring).routes()
    entry = build_entry(ansel, doors or Doors())
    return build_gated_app(ansel, routes, lambda _scope, failure, _request_id: refuse(failure), entry)


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    raise RequestRefused(404, "NOT_FOUND", "There is nothing at this address.")
