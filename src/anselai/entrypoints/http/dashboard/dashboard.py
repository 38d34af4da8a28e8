"""All pages together, and the page of an error."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.dashboard.assets import Assets
from anselai.entrypoints.http.dashboard.connection_pages import ConnectionPages
from anselai.entrypoints.http.dashboard.overview_page import OverviewPage
from anselai.entrypoints.http.dashboard.page import FormCheck
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.dashboard.sign_in_pages import SignInPages, WayToSignIn
from anselai.entrypoints.http.dashboard.sync_pages import SyncPages
from anselai.entrypoints.http.entry import Entry
from anselai.entrypoints.http.errors import Failure
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.http.session import SessionCookies

_TITLES = {
    401: "Sign in first",
    403: "That is not allowed",
    404: "Not found",
    409: "That did not work",
    422: "That is not valid",
    429: "Too many requests",
    503: "Not available just now",
    500: "Something went wrong",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    ansel: Ansel
    assets: Assets
    cookies: SessionCookies
    pages: Pages
    code: OneTimeCode

    @classmethod
    def over(cls, ansel: Ansel, code: OneTimeCode) -> "Dashboard":
        assets, cookies = Assets.load(), SessionCookies(signer=ansel.signer, clock=ansel.clock)
        pages = Pages.over(ansel.clock, assets, cookies)
        return cls(ansel=ansel, assets=assets, cookies=cookies, pages=pages, code=code)

    @property
    def lead_to_sign_in(self) -> WayToSignIn:
        return WayToSignIn(pages=self.pages)

    def routes(self, entry: Entry) -> list[Route]:
        ansel, pages, forms = self.ansel, self.pages, FormCheck(cookies=self.cookies)
        sign_in = SignInPages(
            code=self.code,
            cookies=self.cookies,
            entry=entry,
            audit=ansel.connections.audit,
            pages=pages,
            forms=forms,
        )
        return [
            *OverviewPage(scheduler=ansel.scheduler, insights=ansel.insights, pages=pages).routes(),
            *ConnectionPages(
                connections=ansel.connections, scheduler=ansel.scheduler, pages=pages, forms=forms
            ).routes(),
            *SyncPages(scheduler=ansel.scheduler, pages=pages, forms=forms).routes(),
            *sign_in.routes(),
            *self.assets.routes(),
        ]

    def error_page(self, scope: Scope, failure: Failure, request_id: str) -> Response:
        """It asks the store for nothing, which may be what is away."""
        title = _TITLES.get(failure.status) or HTTPStatus(failure.status).phrase
        back = next((each for each in ("/connections", "/sync") if scope["path"].startswith(each)), "/")
        return self.pages.render(
            Request(scope),
            "error.html",
            http_status=failure.status,
            headers=failure.headers,
            title=title,
            failure=failure,
            request_id=request_id,
            back=back,
        )
