"""`/connections`: connect, test, refresh, remove."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from anselai.application.connection_manager import ConnectionManager
from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.views import PlatformStatus
from anselai.domain.errors import NotFound, Problem
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.dashboard.flashes import after, flash_of
from anselai.entrypoints.http.dashboard.forms import ConnectForm, problems_of
from anselai.entrypoints.http.dashboard.page import FormCheck, form_in
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.reading import platform_in


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPages:
    connections: ConnectionManager
    scheduler: SyncScheduler
    pages: Pages
    forms: FormCheck

    def routes(self) -> list[Route]:
        page = self.forms.page
        return [
            Route("/connections", page(GET=self.list)),
            Route("/connections/{platform}/connect", page(GET=self.connect_form, POST=self.connect)),
            Route("/connections/{platform}/test", page(POST=self.test)),
            Route("/connections/{platform}/refresh", page(POST=self.refresh)),
            Route("/connections/{platform}/remove", page(GET=self.remove_form, POST=self.remove)),
        ]

    async def list(self, request: Request) -> Response:
        status = await self.scheduler.status(studio=studio_in(request))
        return self.pages.render(
            request, "connections.html", status=status, flash=flash_of(request), tested=None, test=None
        )

    async def connect_form(self, request: Request) -> Response:
        platform = await self._platform(request)
        return self._form(request, platform, ConnectForm.of(platform.connection))

    async def connect(self, request: Request) -> Response:
        """Connect the platform, or give the connection that it has new tokens."""
        platform = await self._platform(request)
        form = ConnectForm.sent(form_in(request))
        problems = await problems_of(self._save(platform, form, studio_in(request)))
        if problems:
            return self._form(request, platform, form, problems)
        return _see("connected" if platform.connection is None else "replaced")

    async def test(self, request: Request) -> Response:
        platform = platform_in(request)
        test = await self.connections.test_connection(platform, studio=studio_in(request))
        status = await self.scheduler.status(studio=studio_in(request))
        return self.pages.render(request, "connections.html", status=status, flash=None, tested=platform, test=test)

    async def refresh(self, request: Request) -> Response:
        await self.connections.refresh_token(platform_in(request), studio=studio_in(request))
        return _see("refreshed")

    async def remove_form(self, request: Request) -> Response:
        platform = await self._platform(request)
        if platform.connection is None:
            raise NotFound(f"{platform.label} is not connected.")
        return self.pages.render(request, "remove.html", platform=platform)

    async def remove(self, request: Request) -> Response:
        await self.connections.remove_connection(platform_in(request), studio=studio_in(request))
        return _see("removed")

    def _form(
        self, request: Request, platform: PlatformStatus, form: ConnectForm, problems: Sequence[Problem] = ()
    ) -> Response:
        return self.pages.render(
            request,
            "connect.html",
            http_status=422 if problems else 200,
            platform=platform,
            form=form,
            problems=problems,
        )

    async def _save(self, platform: PlatformStatus, form: ConnectForm, studio: str) -> None:
        if platform.connection is None:
            await self.connections.save_connection(platform.platform, **form.values(), studio=studio)
        else:
            await self.connections.update_connection(platform.platform, **form.values(), studio=studio)

    async def _platform(self, request: Request) -> PlatformStatus:
        name = platform_in(request)
        for each in (await self.scheduler.status(studio=studio_in(request))).platforms:
            if each.platform == name:
                return each
        raise NotFound("There is no platform of that name.")


def _see(done: str) -> Response:
    return RedirectResponse(after("/connections", done), status_code=303)
