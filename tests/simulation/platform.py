"""A platform whose client does everything that a client may do, and all that it may not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, cast

from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import AuthFailure, PermanentFailure, RateLimited, TransientFailure
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, PlatformInfo, Verification
from anselai.domain.records import Metric
from anselai.domain.secret import Secret
from anselai.domain.sync_job import SyncJob
from tests.simulation.process import Process, World
from tests.simulation.virtual_time import process_of_task

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class SimulatedPlatform(PlatformClient):
    info: PlatformInfo
    world: World
    chance: Random
    tokens: int = 0
    mood: str | None = None  # which of BAD every fetch is; without one it is a matter of chance
    refuses_refresh: bool = False

    def __call__(self, config: object) -> PlatformClient:
        return self

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        await self._some_time(10)
        return Verification(ok=self.chance.random() < 0.9, reason="no")

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        refuses = self.refuses_refresh and not self.world.calm
        await self._some_time(40 if refuses or self._is_bad_by_chance() else 1)
        if refuses or self._is_bad_by_chance():
            raise self.chance.choice((AuthFailure("gone"), TransientFailure("503"), RateLimited("slow"), KeyError("x")))
        self.tokens += 1
        return Credentials(
            access_token=Secret(f"access-{self.tokens}"),
            refresh_token=credentials.refresh_token,
            expires_at=now + timedelta(hours=1),
        )

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        process = process_of_task.get()
        assert isinstance(process, Process)
        job = self._job_of(process, request)
        mood = self._mood()
        if mood is None:
            async for batch in self._kind(request):
                yield batch
            self._told(job, "well")
            return
        self._told(job, "badly")
        self.world.count("bad fetches")
        steps = BAD[mood](self)
        cursor = request.cursor
        for _ in range(self.chance.choice((0, 0, 1, 3))):  # some progress first
            cursor = _after(cursor)
            yield Batch(cursor=cursor, has_more=True)
            await self._some_time(5)
        while True:
            step = await steps(process)
            if step is None:
                self._told(job, "well")  # bad manners, but a good end
                yield Batch(cursor=cursor)
                return
            yield cast("Batch", step(cursor))

    async def _kind(self, request: FetchRequest) -> AsyncIterator[Batch]:
        cursor, kind = request.cursor, self.chance.random()
        if kind < 0.6:
            yield Batch(cursor=cursor)
            return
        pages = self.chance.randint(1, 4)
        for page in range(1, pages + 1):
            if kind < 0.8:
                await self._some_time(3 if self.world.calm else 20)
            cursor = _after(cursor)
            records = [_metric(page)] if kind > 0.95 else []
            yield Batch(records=records, cursor=cursor, has_more=page < pages)

    def _mood(self) -> str | None:
        if self.world.calm:
            return None
        if self.mood is not None:
            return self.mood
        return self.chance.choice(tuple(BAD)) if self._is_bad_by_chance() else None

    def _is_bad_by_chance(self) -> bool:
        return not self.world.calm and self.chance.random() < self.world.dangers.bad_client

    def _job_of(self, process: Process, request: FetchRequest) -> SyncJob | None:
        """The job that this call is for, if its process still holds it; its cursor has to be the one asked for."""
        store, witness = self.world.store, self.world.witness
        job_id = store.active.get((request.key, request.frequency))
        job = store.jobs[job_id] if job_id is not None else None
        if job is None or witness.stories[job.id].holder != (job.fence, process.name):
            return None
        if job.cursor != request.cursor:
            witness.cursor_differs(process.name, job, request.cursor)
        return job

    def _told(self, job: SyncJob | None, ending: str) -> None:
        if job is not None:
            self.world.witness.fetched(job.id, job.fence, ending)

    async def _some_time(self, seconds: float) -> None:
        await asyncio.sleep(self.chance.random() * seconds)
        process = process_of_task.get()
        if isinstance(process, Process):
            await process.breathe()


Step = Callable[[str | None], object]
Steps = Callable[[Process], Awaitable[Step | None]]


def _after(cursor: str | None) -> str:
    return str(int(cursor or "0") + 1)


def _metric(page: int) -> Metric:
    return Metric(account_id="a", metric="views", metric_date=date(2026, 1, page), value=Decimal(page), as_of=AS_OF)


def _raising(make: Callable[[Random], BaseException]) -> Callable[[SimulatedPlatform], Steps]:
    def steps(platform: SimulatedPlatform) -> Steps:
        async def step(process: Process) -> Step | None:
            await process.breathe()
            raise make(platform.chance)

        return step

    return steps


def _yielding(make: Step) -> Callable[[SimulatedPlatform], Steps]:
    def steps(platform: SimulatedPlatform) -> Steps:
        async def step(process: Process) -> Step | None:
            return make

        return step

    return steps


def _lasting(least: float, most: float) -> Callable[[SimulatedPlatform], Steps]:
    def steps(platform: SimulatedPlatform) -> Steps:
        async def step(process: Process) -> Step | None:
            await asyncio.sleep(platform.chance.uniform(least, most))
            await process.breathe()
            return None

        return step

    return steps


def _hanging(platform: SimulatedPlatform) -> Steps:
    async def step(process: Process) -> Step | None:
        await asyncio.Event().wait()
        return None

    return step


def _stubborn(platform: SimulatedPlatform) -> Steps:
    """Ignores its cancellation for a while, and then answers as if nothing had been, or hangs on."""

    async def step(process: Process) -> Step | None:
        loop = process.world.clock.loop
        end = loop.time() + platform.chance.uniform(10, 1000)
        while loop.time() < end and not process.dead and not process.world.calm:
            try:
                await asyncio.sleep(min(5.0, end - loop.time() + 0.01))
            except asyncio.CancelledError:
                if process.dead:
                    raise
        await process.breathe()
        return None

    return step


def _rate_limit(chance: Random) -> RateLimited:
    seconds = chance.choice((None, 0, 7, 90, 1500))
    return RateLimited("slow down", None if seconds is None else timedelta(seconds=seconds))


BAD: dict[str, Callable[[SimulatedPlatform], Steps]] = {
    "busy": _lasting(5, 50),
    "slow": _lasting(50, 400),
    "hangs": _hanging,
    "ignores cancellation": _stubborn,
    "stands still": _yielding(lambda cursor: Batch(cursor=cursor, has_more=True)),
    "is away": _raising(lambda _: TransientFailure("503")),
    "limits the rate": _raising(_rate_limit),
    "refuses the token": _raising(lambda _: AuthFailure("401")),
    "refuses the request": _raising(lambda _: PermanentFailure("400")),
    "has a bug": _raising(lambda _: ZeroDivisionError("a bug")),
    "times out": _raising(lambda _: TimeoutError()),
    "cancels itself": _raising(lambda _: asyncio.CancelledError()),  # some library inside the client
    "yields nonsense": _yielding(lambda _: cast("Any", "nonsense")),
    "yields a cursor that is no text": _yielding(lambda _: Batch(cursor=cast("Any", 7))),
    "yields records that are none": _yielding(lambda _: Batch(records=cast("Any", [7]))),
}
