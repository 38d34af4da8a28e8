"""`/metrics`: what a monitoring system collects. Outside of /api, since its form is Prometheus' and not ours."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.monitoring import Monitoring
from anselai.entrypoints.http.resource import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringCalls:
    monitoring: Monitoring

    def routes(self) -> list[Route]:
        return [Route("/metrics", Resource(GET=self.scrape))]

    async def scrape(self, request: Request) -> Response:
        found = await self.monitoring.scrape(",".join(request.headers.getlist("accept")))
        return Response(found.text, headers={"Content-Type": found.media_type})
