"""`/api/connections`"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.connection_manager import ConnectionManager
from anselai.entrypoints.http.answers import answer
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.reading import platform_in, platform_name, read_json
from anselai.entrypoints.http.resource import Resource
from anselai.entrypoints.http.schemas.connections import (
    ConnectionChange,
    ConnectionJson,
    NewConnection,
    Nothing,
    Removed,
    TestJson,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCalls:
    connections: ConnectionManager

    def routes(self) -> list[Route]:
        return [
            Route("/api/connections", Resource(GET=self.list, POST=self.add)),
            Route("/api/connections/{platform}", Resource(GET=self.get, PUT=self.change, DELETE=self.remove)),
            Route("/api/connections/{platform}/test", Resource(POST=self.test)),
        ]

    async def list(self, request: Request) -> Response:
        views = await self.connections.list_connections(studio=studio_in(request))
        return answer([ConnectionJson.of(each) for each in views])

    async def add(self, request: Request) -> Response:
        new = await read_json(request, NewConnection)
        view = await self.connections.save_connection(
            platform_name(new.platform),
            access_token=new.access_token,
            refresh_token=new.refresh_token,
            account_id=new.account_id,
            token_expires_at=new.token_expires_at,
            scopes=new.scopes,
            studio=studio_in(request),
        )
        return answer(ConnectionJson.of(view), status=201, location=f"/api/connections/{view.platform}")

    async def get(self, request: Request) -> Response:
        view = await self.connections.get_connection(platform_in(request), studio=studio_in(request))
        return answer(ConnectionJson.of(view))

    async def change(self, request: Request) -> Response:
        """Replace what is given; where nothing is, get a new access token."""
        platform, studio = platform_in(request), studio_in(request)
        given = (await read_json(request, ConnectionChange)).given()
        view = await (
            self.connections.update_connection(platform, **given, studio=studio)
            if given
            else self.connections.refresh_token(platform, studio=studio)
        )
        return answer(ConnectionJson.of(view))

    async def remove(self, request: Request) -> Response:
        await read_json(request, Nothing)
        await self.connections.remove_connection(platform_in(request), studio=studio_in(request))
        return answer(Removed(removed=True))

    async def test(self, request: Request) -> Response:
        await read_json(request, Nothing)
        test = await self.connections.test_connection(platform_in(request), studio=studio_in(request))
        return answer(TestJson.of(test))
