"""`/api/metrics`"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.insights import Insights
from anselai.entrypoints.http.answers import answer
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.reading import platform_in, read_query
from anselai.entrypoints.http.resource import Resource
from anselai.entrypoints.http.schemas.metrics import OverviewJson, PeriodQuery, PlatformMetricsJson


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsCalls:
    insights: Insights

    def routes(self) -> list[Route]:
        return [
            Route("/api/metrics/overview", Resource(GET=self.overview)),
            Route("/api/metrics/{platform}", Resource(GET=self.platform)),
        ]

    async def overview(self, request: Request) -> Response:
        wanted = read_query(request, PeriodQuery)
        overview = await self.insights.overview(first=wanted.first, last=wanted.last, studio=studio_in(request))
        return answer(OverviewJson.of(overview))

    async def platform(self, request: Request) -> Response:
        wanted = read_query(request, PeriodQuery)
        period, figures = await self.insights.platform(
            platform_in(request), first=wanted.first, last=wanted.last, studio=studio_in(request)
        )
        return answer(PlatformMetricsJson.within(period, figures))
