"""`/healthz`: the process is up. `/readyz`: it can serve, and with a key also why not. Both answer quickly."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.application.sync_scheduler import ALIVE_WITHIN
from anselai.domain.errors import AnselError
from anselai.domain.ports.health import StoreHealth
from anselai.domain.ports.workers import Workers
from anselai.entrypoints.http.answers import Answer, Refusal, answer
from anselai.entrypoints.http.caller import caller_in
from anselai.entrypoints.http.resource import Resource
from anselai.entrypoints.http.schemas.health import Alive, Check, Checks, Readiness, Ready

log = logging.getLogger("anselai.http")

LIMIT = 2.0  # seconds for all checks together
_LATER = {"Retry-After": "5"}
_NOT_READY = Refusal(error="Not ready. With an API key this address tells why.", code="NOT_READY")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCalls:
    """`scheduler_runs_here`: this process runs a scheduler of its own."""

    health: StoreHealth
    workers: Workers
    scheduler_runs_here: bool
    limit: float = LIMIT
    asking: "set[asyncio.Task[Readiness]]" = field(default_factory=set, init=False, repr=False, compare=False)

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", Resource(GET=self.alive)),
            Route("/readyz", Resource(GET=self.ready)),
        ]

    async def alive(self, request: Request) -> Response:
        return answer(Alive(alive=True))

    async def ready(self, request: Request) -> Response:
        found = await self._shared_readiness()
        if caller_in(request).principal is None:
            return answer(Ready(ready=True)) if found.ready else Answer(_NOT_READY, 503, _LATER)
        if found.ready:
            return answer(found)
        checks = (found.checks.database, found.checks.schema, found.checks.scheduler)
        sentence = next(each.message for each in checks if not each.ok)
        return Answer(Refusal(error=sentence, code="NOT_READY", data=found), 503, _LATER)

    async def _shared_readiness(self) -> Readiness:
        """Whoever asks meanwhile gets the same answer: anybody may ask, and nobody may keep the store busy by it."""
        if not self.asking:
            asked = asyncio.create_task(self._readiness(), name="readiness")
            self.asking.add(asked)
            asked.add_done_callback(self.asking.discard)
        [asking] = self.asking
        return await asyncio.shield(asking)

    async def _readiness(self) -> Readiness:
        database, schema, scheduler = (
            asyncio.create_task(each)
            for each in (
                _checked(self.health.ping(), "answers"),
                _checked(self.health.check_schema(), "is current"),
                self._scheduler(),
            )
        )
        tasks = (database, schema, scheduler)
        await asyncio.wait(tasks, timeout=self.limit)
        for task in tasks:
            task.cancel()  # and not awaited: what hangs may also be slow to be cancelled
        checks = Checks(
            database=_result("database", database),
            schema=_result("schema", schema),
            scheduler=_result("scheduler", scheduler),
        )
        return Readiness(
            ready=checks.database.ok and checks.schema.ok and checks.scheduler.ok,
            checks=checks,
        )

    async def _scheduler(self) -> Check:
        try:
            alive = await self.workers.alive(ALIVE_WITHIN)
        except AnselError as error:
            return Check(ok=False, message=str(error))
        if alive:
            return Check(ok=True, message="is alive")
        if self.scheduler_runs_here:
            return Check(ok=False, message="The scheduler of this process gives no sign of life. Start AnselAI again.")
        return Check(ok=False, message="No scheduler is running. Start one with: anselai scheduler")


async def _checked(question: Awaitable[None], well: str) -> Check:
    try:
        await question
    except AnselError as error:
        return Check(ok=False, message=str(error))
    return Check(ok=True, message=well)


def _result(name: str, task: "asyncio.Task[Check]") -> Check:
    if not task.done() or task.cancelled():
        return Check(ok=False, message="The database does not answer in time.")
    error = task.exception()
    if error is None:
        return task.result()
    log.error("The check of the %s met something unforeseen: %s", name, type(error).__name__, exc_info=error)
    return Check(ok=False, message="The check met something unforeseen. The log on the console tells more.")
