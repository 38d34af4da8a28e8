"""`/sync`: the schedules, syncing now, and the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.views import ScheduleView
from anselai.domain.errors import NotFound, Problem
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import Outcome, Trigger
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.dashboard.flashes import after, flash_of
from anselai.entrypoints.http.dashboard.forms import problems_of
from anselai.entrypoints.http.dashboard.page import FormCheck, form_in
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.reading import platform_in, read_fields
from anselai.entrypoints.http.schemas.log import LogFilter

_FILTERS = ("platform", "outcome", "trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPages:
    scheduler: SyncScheduler
    pages: Pages
    forms: FormCheck

    def routes(self) -> list[Route]:
        page = self.forms.page
        return [
            Route("/sync", page(GET=self.show)),
            Route("/sync/{platform}/explain", page(GET=self.explain)),
            Route("/sync/{platform}/{frequency}/run", page(POST=self.run)),
            Route("/sync/{platform}/{frequency}/pause", page(POST=self.pause)),
            Route("/sync/{platform}/{frequency}/resume", page(POST=self.resume)),
            Route("/sync/{platform}/{frequency}/schedule", page(GET=self.schedule_form, POST=self.schedule)),
        ]

    async def show(self, request: Request) -> Response:
        filters = {name: request.query_params.get(name, "") for name in _FILTERS}
        wanted = read_fields(_filled(request, *_FILTERS, "cursor"), LogFilter)
        page = await self.scheduler.log(
            platform=wanted.platform,
            outcome=wanted.outcome,
            trigger=wanted.trigger,
            cursor=wanted.cursor,
            studio=studio_in(request),
        )
        return self.pages.render(
            request,
            "sync.html",
            status=await self.scheduler.status(studio=studio_in(request)),
            log=page.entries,
            filters=filters,
            older=urlencode({**_filled(request, *_FILTERS), "cursor": page.next_cursor}) if page.next_cursor else None,
            is_first_page=wanted.cursor is None,
            outcomes=tuple(Outcome),
            triggers=tuple(Trigger),
            flash=flash_of(request),
        )

    async def explain(self, request: Request) -> Response:
        explanation = await self.scheduler.explain(platform_in(request), studio=studio_in(request))
        return self.pages.render(request, "explain.html", explanation=explanation)

    async def run(self, request: Request) -> Response:
        job = await self.scheduler.run_sync_now(platform_in(request), _frequency_in(request), studio=studio_in(request))
        return _see("already" if job.deduplicated else "queued")

    async def pause(self, request: Request) -> Response:
        await self._switch(request, on=False)
        return _see("paused")

    async def resume(self, request: Request) -> Response:
        await self._switch(request, on=True)
        return _see("resumed")

    async def schedule_form(self, request: Request) -> Response:
        label, view = await self._schedule(request)
        form = {"cron": view.cron, "timezone": view.timezone, "catchUp": str(view.catch_up)}
        return self._form(request, label, view, form)

    async def schedule(self, request: Request) -> Response:
        label, view = await self._schedule(request)
        sent = form_in(request)
        form = {name: sent.get(name, "") for name in ("cron", "timezone", "catchUp")}
        change = self.scheduler.schedule_sync(
            view.platform,
            view.frequency,
            cron=form["cron"],
            timezone=form["timezone"],
            catch_up=form["catchUp"],
            studio=studio_in(request),
        )
        problems = await problems_of(change)
        return self._form(request, label, view, form, problems) if problems else _see("scheduled")

    async def _switch(self, request: Request, *, on: bool) -> None:
        platform, frequency = platform_in(request), _frequency_in(request)
        await self.scheduler.schedule_sync(platform, frequency, enabled=on, studio=studio_in(request))

    def _form(
        self,
        request: Request,
        label: str,
        view: ScheduleView,
        form: Mapping[str, str],
        problems: Sequence[Problem] = (),
    ) -> Response:
        return self.pages.render(
            request,
            "schedule.html",
            http_status=422 if problems else 200,
            label=label,
            schedule=view,
            form=form,
            problems=problems,
            zones=_zones(),
            catch_ups=tuple(CatchUp),
        )

    async def _schedule(self, request: Request) -> tuple[str, ScheduleView]:
        """The schedule, and the label of its platform."""
        platform, frequency = platform_in(request), _frequency_in(request)
        for status in (await self.scheduler.status(studio=studio_in(request))).platforms:
            for each in status.schedules:
                if (status.platform, each.schedule.frequency) == (platform, frequency):
                    return status.label, each.schedule
        raise NotFound("There is no such schedule: the platform is not connected.")


def _filled(request: Request, *names: str) -> Mapping[str, str]:
    """What was asked for; a select that was left at `all` sends an empty text."""
    return {name: text for name in names if (text := request.query_params.get(name))}


def _frequency_in(request: Request) -> Frequency:
    if request.path_params["frequency"] not in tuple(Frequency):
        raise NotFound(f"There is no such schedule. There are: {', '.join(Frequency)}.")
    return Frequency(request.path_params["frequency"])


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _see(done: str) -> Response:
    return RedirectResponse(after("/sync", done), status_code=303)
