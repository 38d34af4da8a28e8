"""`/api/platforms`"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.platform_catalog import PlatformCatalog
from anselai.entrypoints.http.answers import answer
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.resource import Resource
from anselai.entrypoints.http.schemas.platforms import PlatformJson


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCalls:
    platforms: PlatformCatalog

    def routes(self) -> list[Route]:
        return [Route("/api/platforms", Resource(GET=self.list))]

    async def list(self, request: Request) -> Response:
        platforms = await self.platforms.list_platforms(studio=studio_in(request))
        return answer([PlatformJson.of(each) for each in platforms])
