"""`/`: the platforms and the figures at a glance."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.insights import Insights
from anselai.application.sync_scheduler import SyncScheduler
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.resource import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    scheduler: SyncScheduler
    insights: Insights
    pages: Pages

    def routes(self) -> list[Route]:
        return [Route("/", Resource(GET=self.show))]

    async def show(self, request: Request) -> Response:
        status = await self.scheduler.status(studio=studio_in(request))
        overview = await self.insights.overview(studio=studio_in(request))
        return self.pages.render(request, "overview.html", status=status, overview=overview)
