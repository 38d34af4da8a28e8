"""What a scheduler daemon does with its jobs: its loops, its limits, its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container import open_in_memory
from anselai.domain.ports.platform_client import Batch, FetchRequest
from anselai.domain.sync_job import JobState, Outcome
from tests.unit.scripted_flickr import Flickr, metric, rows


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


# The loops of a running worker, with limits short enough for a test. Time here is real.

HOUR = timedelta(hours=1)
SHORT = WorkerLimits(
    concurrency=2,
    lease=timedelta(seconds=30),
    run_limit=timedelta(seconds=0.2),
    no_progress_limit=timedelta(seconds=0.2),
    cancel_grace=timedelta(seconds=0.2),
    stop_grace=timedelta(seconds=0.3),
    idle_poll=timedelta(seconds=0.05),
)


async def run_until(ansel: Ansel, done: Callable[[], Awaitable[bool]]) -> None:
    working = asyncio.create_task(ansel.worker.run())
    try:
        async with asyncio.timeout(10):
            while not await done():  # noqa: ASYNC110  what is waited for is in the store
                await asyncio.sleep(0.01)
    finally:
        ansel.worker.stop()
        await working


async def logged(ansel: Ansel, outcome: Outcome) -> bool:
    return any(row.outcome is outcome for row in await rows(ansel))


@pytest.fixture
async def living(flickr: Flickr) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], limits=SHORT) as opened:
        await opened.connections.save_connection("flickr", access_token="access-1")
        yield opened


async def test_a_running_worker_is_known_as_alive_until_it_stops(living: Ansel) -> None:
    async def alive() -> bool:
        return bool((await living.scheduler.status()).workers)

    await run_until(living, alive)
    assert not await alive()


async def test_a_job_that_is_queued_while_the_worker_sleeps_wakes_it(living: Ansel) -> None:
    async def succeeded() -> bool:
        if not await rows(living):
            await living.scheduler.run_sync_now("flickr")
        return await logged(living, Outcome.SUCCEEDED)

    await run_until(living, succeeded)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (replace(SHORT, no_progress_limit=HOUR), "stopped at its limit"),
        (replace(SHORT, run_limit=HOUR), "nothing came in"),
    ],
    ids=["in all", "without progress"],
)
async def test_a_client_that_hangs_is_cancelled_and_its_run_tried_again_later(
    flickr: Flickr, limits: WorkerLimits, why: str
) -> None:
    flickr.scripts = [[lambda: asyncio.sleep(3600)]]
    async with open_in_memory(plugins=[flickr], limits=limits) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        await ansel.scheduler.run_sync_now("flickr")
        await run_until(ansel, lambda: logged(ansel, Outcome.RETRYING))
        [row] = await rows(ansel)
    assert row.error_class == "transient"
    assert why in (row.message or "")


async def test_a_client_that_ignores_its_cancellation_costs_one_place_and_not_the_worker(
    living: Ansel, flickr: Flickr
) -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue

    async def another_ran() -> bool:
        if not await logged(living, Outcome.FAILED):
            return False
        assert len(living.worker.running.stuck) == 1
        await living.scheduler.run_sync_now("flickr", "weekly")
        return await logged(living, Outcome.SUCCEEDED)

    flickr.scripts = [[stubborn]]
    await living.scheduler.run_sync_now("flickr", "hourly")
    try:
        await run_until(living, another_ran)
    finally:
        ended.set()
    first = (await rows(living))[0]
    assert (first.outcome, first.error_class) == (Outcome.FAILED, "bug")
    assert "ignored its cancellation" in (first.message or "")


async def test_a_job_that_is_still_running_at_the_end_of_the_grace_time_is_given_back(
    flickr: Flickr,
) -> None:
    limits = replace(SHORT, run_limit=timedelta(seconds=30), no_progress_limit=timedelta(seconds=30))
    started = asyncio.Event()

    async def long_call() -> None:
        started.set()
        await asyncio.sleep(3600)

    async with open_in_memory(plugins=[flickr], limits=limits) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        flickr.scripts = [[long_call]]
        queued = await ansel.scheduler.run_sync_now("flickr")

        async def has_started() -> bool:
            return started.is_set()

        await run_until(ansel, has_started)
        job = await ansel.scheduler.get_job(queued.id)
    assert job.state is JobState.QUEUED
    assert [row.outcome for row in job.attempts] == [Outcome.RELEASED]


async def swallows_its_cancellation() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(3600)


async def makes_an_error_of_its_cancellation() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as cancelled:
        raise RuntimeError from cancelled


@pytest.mark.parametrize("hang", [swallows_its_cancellation, makes_an_error_of_its_cancellation])
async def test_a_run_that_was_told_to_end_is_never_a_success_and_at_the_stop_never_a_failure(
    flickr: Flickr, hang: Callable[[], Awaitable[None]]
) -> None:
    limits = replace(SHORT, run_limit=timedelta(seconds=30), no_progress_limit=timedelta(seconds=30))
    for chosen, outcome in ((SHORT, Outcome.RETRYING), (limits, Outcome.RELEASED)):
        async with open_in_memory(plugins=[flickr], limits=chosen) as ansel:
            await ansel.connections.save_connection("flickr", access_token="access-1")
            flickr.scripts, flickr.tokens = [[hang, Batch(records=[metric(1)], cursor="half")]], []
            queued = await ansel.scheduler.run_sync_now("flickr")

            async def far_enough(ansel: Ansel = ansel, outcome: Outcome = outcome) -> bool:
                return bool(flickr.tokens) if outcome is Outcome.RELEASED else await logged(ansel, outcome)

            await run_until(ansel, far_enough)
            job = await ansel.scheduler.get_job(queued.id)
            assert [row.outcome for row in job.attempts] == [outcome]


async def test_a_client_that_yields_nothing_for_ever_holds_up_nobody(living: Ansel, flickr: Flickr) -> None:
    class Endless(Flickr):
        async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
            while True:
                yield Batch()

    async with open_in_memory(plugins=[Endless()], limits=SHORT) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        await ansel.scheduler.run_sync_now("flickr")
        await run_until(ansel, lambda: logged(ansel, Outcome.RETRYING))


async def test_a_worker_whose_every_place_is_stuck_ends_instead_of_living_on_idly(flickr: Flickr) -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not ended.is_set():
            with suppress(asyncio.CancelledError):
                await ended.wait()

    async with open_in_memory(plugins=[flickr], limits=replace(SHORT, concurrency=1)) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        flickr.scripts = [[stubborn]]
        await ansel.scheduler.run_sync_now("flickr")
        try:
            async with asyncio.timeout(10):
                with pytest.raises(RuntimeError, match="every place is taken"):
                    await ansel.worker.run()
        finally:
            ended.set()


async def test_a_cancelled_run_ends_long_before_its_lease_is_renewed(flickr: Flickr) -> None:
    ended = asyncio.Event()

    async def is_cancelled_and_hangs() -> None:
        await ansel.scheduler.cancel("flickr")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def has_ended() -> bool:
        return ended.is_set()

    flickr.scripts = [[is_cancelled_and_hangs]]
    async with open_in_memory(plugins=[flickr], limits=WorkerLimits(lease=timedelta(minutes=10))) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        job = await ansel.scheduler.run_sync_now("flickr")
        await run_until(ansel, has_ended)
        assert (await ansel.scheduler.get_job(job.id)).state is JobState.CANCELLED
        assert [row.outcome for row in await rows(ansel)] == [Outcome.CANCELLED]


async def test_a_removed_connection_ends_its_run_and_nothing_of_it_is_written(living: Ansel, flickr: Flickr) -> None:
    async def removed_meanwhile() -> None:
        await living.connections.remove_connection("flickr")

    flickr.scripts = [[removed_meanwhile, Batch(records=[metric(1)], cursor="end")]]
    await living.scheduler.run_sync_now("flickr")
    await run_until(living, lambda: logged(living, Outcome.CANCELLED))
    assert [row.outcome for row in await rows(living)] == [Outcome.CANCELLED]
    assert not (await living.insights.overview()).has_data
