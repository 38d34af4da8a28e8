"""What waiting for work has to do, whoever makes the work."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.contracts.stores import HOUR, Stores
from tests.samples import GOOGLE, some_id

QUIET = timedelta(milliseconds=50)
PATIENCE = 10.0  # seconds


class WakeupsContract:
    async def test_waiting_ends_by_itself(self, stores: Stores) -> None:
        async with asyncio.timeout(PATIENCE):
            await stores.jobs.wait_for_work(QUIET)

    async def test_a_queued_job_wakes(self, stores: Stores) -> None:
        await stores.connect()
        await _is_woken_by(stores, lambda: stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY))

    async def test_a_job_that_is_brought_forward_wakes(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        await _is_woken_by(stores, lambda: stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY))

    async def test_a_saved_schedule_wakes(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedule_due()
        await _is_woken_by(stores, lambda: stores.schedules.save(replace(saved, cron="1 * * * *")))

    async def test_a_planned_job_wakes(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedule_due()
        await _is_woken_by(stores, lambda: stores.schedules.commit([stores.plan(saved)]))

    async def test_a_job_that_is_given_back_wakes(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await _is_woken_by(stores, lambda: stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RELEASED)]))

    async def test_a_cancelled_job_wakes_since_its_schedule_may_have_waited_for_it(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await _is_woken_by(stores, lambda: stores.jobs.cancel_one("default", job.id))

    @pytest.mark.parametrize("asks", ["claimers", "planners"])
    async def test_work_that_came_after_one_asked_and_before_one_waits_is_not_slept_through(
        self, stores: Stores, asks: str
    ) -> None:
        await stores.connect()
        await _is_woken_by(stores, lambda: stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY))

        async def a_loop() -> None:
            await (stores.claim() if asks == "claimers" else stores.schedules.due(10))
            await asyncio.create_task(_queued(stores))  # by somebody else
            await asyncio.create_task(stores.jobs.wait_for_work(HOUR))

        async with asyncio.timeout(PATIENCE):
            await asyncio.create_task(a_loop(), context=Context())

    async def test_everybody_who_waits_is_woken(self, stores: Stores) -> None:
        await stores.connect()
        await _is_woken_by(stores, lambda: stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY), sleepers=3)

    async def test_waiting_for_a_cancellation_ends_by_itself(self, stores: Stores) -> None:
        async with asyncio.timeout(PATIENCE):
            await _nobody_cancels(stores)
            assert not await stores.jobs.wait_for_cancellation(QUIET)

    @pytest.mark.parametrize("by", ["connection", "id", "removal"])
    async def test_a_cancelled_run_is_heard_of(self, stores: Stores, by: str) -> None:
        await stores.connect()
        job = (await stores.running()).job
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "connection": lambda: stores.jobs.cancel(GOOGLE, None),
            "id": lambda: stores.jobs.cancel_one("default", job.id),
            "removal": lambda: stores.connections.remove(GOOGLE),
        }
        async with asyncio.timeout(PATIENCE):
            await _nobody_cancels(stores)
            waiting = asyncio.create_task(stores.jobs.wait_for_cancellation(HOUR))
            await asyncio.sleep(0)
            await acts[by]()
            assert await waiting

    async def test_a_cancellation_while_one_was_busy_is_heard_of_afterwards(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        async with asyncio.timeout(PATIENCE):
            await _nobody_cancels(stores)
            heard = asyncio.create_task(stores.jobs.wait_for_cancellation(HOUR))
            await asyncio.sleep(0)
            await stores.jobs.cancel_one("default", job.id)
            assert await heard
            assert await stores.jobs.wait_for_cancellation(HOUR), "we had not heard of it yet"
            assert not await stores.jobs.wait_for_cancellation(QUIET)

    async def test_work_is_no_cancellation(self, stores: Stores) -> None:
        await stores.connect()
        async with asyncio.timeout(PATIENCE):
            await _nobody_cancels(stores)
            await _is_woken_by(stores, lambda: stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY))
            assert not await asyncio.create_task(stores.jobs.wait_for_cancellation(QUIET))


async def _nobody_cancels(stores: Stores) -> None:
    """Wait until nothing wakes us for no reason."""
    while await stores.jobs.wait_for_cancellation(QUIET):
        pass


async def _queued(stores: Stores) -> None:
    await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.WEEKLY)


async def _is_woken_by(stores: Stores, act: Callable[[], Awaitable[object]], *, sleepers: int = 1) -> None:
    """Wait until nothing wakes us for no reason, then fall asleep for good, act, and be awake."""
    now = asyncio.get_running_loop().time
    async with asyncio.timeout(PATIENCE):
        quiet = False
        while not quiet:
            began = now()
            await stores.jobs.wait_for_work(QUIET)
            quiet = now() - began >= QUIET.total_seconds()
        waiting = [asyncio.create_task(stores.jobs.wait_for_work(HOUR)) for _ in range(sleepers)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        await act()
        await asyncio.gather(*waiting)
