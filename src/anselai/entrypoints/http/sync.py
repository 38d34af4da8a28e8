"""`/api/sync`"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.sync_scheduler import SyncScheduler
from anselai.entrypoints.http.answers import answer
from anselai.entrypoints.http.caller import studio_in
from anselai.entrypoints.http.reading import idempotency_key_in, job_id_in, platform_in, read_json, read_query
from anselai.entrypoints.http.resource import Resource
from anselai.entrypoints.http.schemas.explanation import ExplanationJson
from anselai.entrypoints.http.schemas.log import LogFilter, LogJson
from anselai.entrypoints.http.schemas.sync import JobJson, ScheduleChange, ScheduleJson, SyncNow, SyncStatusJson


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCalls:
    scheduler: SyncScheduler

    def routes(self) -> list[Route]:
        return [
            Route("/api/sync/status", Resource(GET=self.status)),
            Route("/api/sync/log", Resource(GET=self.log)),
            Route("/api/sync/jobs/{id}", Resource(GET=self.job, DELETE=self.cancel)),
            Route("/api/sync/{platform}", Resource(POST=self.run_now)),
            Route("/api/sync/{platform}/schedule", Resource(PUT=self.schedule)),
            Route("/api/sync/{platform}/explain", Resource(GET=self.explain)),
        ]

    async def status(self, request: Request) -> Response:
        return answer(SyncStatusJson.of(await self.scheduler.status(studio=studio_in(request))))

    async def log(self, request: Request) -> Response:
        wanted = read_query(request, LogFilter)
        page = await self.scheduler.log(
            platform=wanted.platform,
            outcome=wanted.outcome,
            trigger=wanted.trigger,
            since=wanted.since,
            until=wanted.until,
            limit=int(wanted.limit),
            cursor=wanted.cursor,
            studio=studio_in(request),
        )
        return answer(LogJson.of(page))

    async def job(self, request: Request) -> Response:
        job = await self.scheduler.get_job(job_id_in(request), studio=studio_in(request))
        return answer(JobJson.with_attempts(job))

    async def cancel(self, request: Request) -> Response:
        job = await self.scheduler.cancel_job(job_id_in(request), studio=studio_in(request))
        return answer(JobJson.with_attempts(job))

    async def run_now(self, request: Request) -> Response:
        wanted = await read_json(request, SyncNow)
        view = await self.scheduler.run_sync_now(
            platform_in(request),
            wanted.frequency,
            idempotency_key=idempotency_key_in(request),
            studio=studio_in(request),
        )
        job = JobJson.of(view, deduplicated=view.deduplicated)
        return answer(job, status=202, location=f"/api/sync/jobs/{view.id}")

    async def schedule(self, request: Request) -> Response:
        change = await read_json(request, ScheduleChange)
        view = await self.scheduler.schedule_sync(platform_in(request), **change.given(), studio=studio_in(request))
        return answer(ScheduleJson.of(view))

    async def explain(self, request: Request) -> Response:
        explanation = await self.scheduler.explain(platform_in(request), studio=studio_in(request))
        return answer(ExplanationJson.of(explanation))
