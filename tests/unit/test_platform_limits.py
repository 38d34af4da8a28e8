"""A daemon holds a platform to its limits, and neither holds up the others for it nor asks without end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.application.sync_worker import SyncWorker
from anselai.container import open_in_memory
from anselai.domain.frequency import Frequency
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformInfo
from tests.samples import some_id
from tests.unit.scripted_flickr import Flickr

# Polling is as good as off: what happens soon was woken.
ONE_FLICKR = WorkerLimits(idle_poll=timedelta(minutes=1), runs_per_process={"flickr": 1})


class Gated(Flickr):
    """Its fetches wait until they may pass, and are counted meanwhile."""

    def __init__(self, name: str, *, stubborn: bool = False) -> None:
        super().__init__()
        self.info = PlatformInfo(name=name, label=name.capitalize())
        self.stubborn = stubborn
        self.passes = asyncio.Semaphore(0)
        self.at_it = self.most = self.begun = 0

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        self.begun += 1
        self.at_it += 1
        self.most = max(self.most, self.at_it)
        try:
            await self._pass()
            yield Batch(cursor="end")
        finally:
            self.at_it -= 1

    async def _pass(self) -> None:
        while self.stubborn:
            with suppress(asyncio.CancelledError):
                await self.passes.acquire()
                return
        await self.passes.acquire()


class DeafJobs:
    """A queue whose news come from its own process alone; and it counts how often it is asked for work."""

    def __init__(self, jobs: Any) -> None:
        self._jobs = jobs
        self.claims = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)

    async def claim(self, *asked: Any) -> Any:
        self.claims += 1
        return await self._jobs.claim(*asked)

    async def wait_for_work(self, at_most: timedelta) -> None:
        await asyncio.sleep(at_most.total_seconds())


@asynccontextmanager
async def three_jobs_each(limits: WorkerLimits, *clients: Gated) -> AsyncIterator[Ansel]:
    """Every client's platform is connected, and each of its syncs is queued: the first client's are the longest due."""
    async with open_in_memory(plugins=clients, limits=limits) as ansel:
        for client in clients:
            await ansel.connections.save_connection(client.info.name, access_token="access-1")
            for frequency in Frequency:
                await ansel.scheduler.run_sync_now(client.info.name, frequency)
        ansel.worker.jobs = ansel.worker.writer.jobs = DeafJobs(ansel.worker.jobs)
        try:
            yield ansel
        finally:
            for client in clients:
                client.stubborn = False
                for _ in Frequency:
                    client.passes.release()


@asynccontextmanager
async def at_work(*workers: SyncWorker) -> AsyncIterator[None]:
    working = [asyncio.create_task(each.run()) for each in workers]
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        for each in workers:
            each.stop(at_once=True)
        await asyncio.gather(*working)


async def until(done: Callable[[], bool]) -> None:
    while not done():  # noqa: ASYNC110  what is waited for is in the clients
        await asyncio.sleep(0.005)


async def test_a_platform_has_no_more_runs_at_once_than_its_limit_and_the_others_go_on() -> None:
    flickr, vimeo = Gated("flickr"), Gated("vimeo")
    async with three_jobs_each(ONE_FLICKR, flickr, vimeo) as ansel, at_work(ansel.worker):
        await until(lambda: vimeo.at_it == 3)
        assert flickr.at_it == 1
        vimeo.passes.release()
        await until(lambda: vimeo.at_it == 2)
        assert flickr.begun == 1


async def test_the_end_of_a_run_lets_the_next_of_its_platform_begin_at_once() -> None:
    flickr = Gated("flickr")
    async with three_jobs_each(ONE_FLICKR, flickr) as ansel, at_work(ansel.worker):
        await until(lambda: flickr.begun == 1)
        flickr.passes.release()
        await until(lambda: flickr.begun == 2)
        flickr.passes.release()
        await until(lambda: flickr.begun == 3)
    assert flickr.most == 1


async def test_a_job_that_waits_for_room_is_not_asked_for_again_and_again() -> None:
    flickr, vimeo = Gated("flickr"), Gated("vimeo")
    async with three_jobs_each(ONE_FLICKR, flickr, vimeo) as ansel, at_work(ansel.worker):
        await until(lambda: vimeo.at_it == 3)
        jobs: Any = ansel.worker.jobs
        claims = jobs.claims
        await asyncio.sleep(0.3)  # in which a due job that may run is looked for six times
        assert jobs.claims - claims <= 1


async def test_a_run_that_ignores_its_cancellation_keeps_its_platforms_place_and_no_others() -> None:
    flickr, vimeo = Gated("flickr", stubborn=True), Gated("vimeo")
    short = timedelta(seconds=0.1)
    limits = replace(ONE_FLICKR, run_limit=short, no_progress_limit=short, cancel_grace=short)
    async with three_jobs_each(limits, flickr, vimeo) as ansel, at_work(ansel.worker):
        await until(lambda: len(ansel.worker.running.stuck) == 1)
        await asyncio.sleep(0.1)  # in which another would have begun
        assert flickr.begun == 1
        assert vimeo.begun >= 3
        flickr.stubborn = False
        for _ in range(3):
            flickr.passes.release()
        await until(lambda: flickr.begun == 3)
    assert flickr.most == 1


async def test_daemons_keep_the_limit_of_the_fleet_together() -> None:
    flickr = Gated("flickr")
    limits = WorkerLimits(idle_poll=timedelta(minutes=1), runs_per_fleet={"flickr": 2})
    async with three_jobs_each(limits, flickr) as ansel:
        second = replace(ansel.worker, id=some_id())
        async with at_work(ansel.worker, second):
            await until(lambda: flickr.at_it == 2)
            for _ in range(3):
                flickr.passes.release()
            await until(lambda: flickr.begun == 3)
            await until(lambda: flickr.at_it == 0)
    assert flickr.most == 2


async def test_limits_hold_when_everything_due_is_run_at_once() -> None:
    flickr = Gated("flickr")
    async with three_jobs_each(replace(ONE_FLICKR, runs_per_fleet={"flickr": 2}), flickr) as ansel:
        draining = asyncio.create_task(ansel.worker.drain())
        await until(lambda: flickr.begun > 0)
        for _ in range(3):
            flickr.passes.release()
        assert await draining == 3
    assert flickr.most == 1
