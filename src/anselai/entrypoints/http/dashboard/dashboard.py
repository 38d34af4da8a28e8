"""All pages together, and the page of an error."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.dashboard.assets import Assets
from anselai.entrypoints.http.dashboard.connection_pages import ConnectionPages
from anselai.entrypoints.http.dashboard.overview_page import OverviewPage
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.dashboard.sync_pages import SyncPages
from anselai.entrypoints.http.errors import Failure

_TITLES = {
    404: "Not found",
    409: "That did not work",
    422: "That is not valid",
    503: "Not available just now",
    500: "Something went wrong",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    ansel: Ansel
    assets: Assets
    pages: Pages

    @classmethod
    def over(cls, ansel: Ansel) -> "Dashboard":
        assets = Assets.load()
        return cls(ansel=ansel, assets=assets, pages=Pages.over(ansel.clock, assets))

    def routes(self) -> list[Route]:
        ansel, pages = self.ansel, self.pages
        return [
            *OverviewPage(scheduler=ansel.scheduler, insights=ansel.insights, pages=pages).routes(),
            *ConnectionPages(connections=ansel.connections, scheduler=ansel.scheduler, pages=pages).routes(),
            *SyncPages(scheduler=ansel.scheduler, pages=pages).routes(),
            *self.assets.routes(),
        ]

    def error_page(self, scope: Scope, failure: Failure, request_id: str) -> Response:
        """It asks the store for nothing, which may be what is away."""
        title = _TITLES.get(failure.status) or HTTPStatus(failure.status).phrase
        back = next((each for each in ("/connections", "/sync") if scope["path"].startswith(each)), "/")
        return self.pages.render(
            "error.html",
            http_status=failure.status,
            headers=failure.headers,
            title=title,
            failure=failure,
            request_id=request_id,
            back=back,
        )
