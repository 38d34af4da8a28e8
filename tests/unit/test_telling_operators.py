"""What the use cases tell operators, as it arrives in a scrape."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container import open_in_memory
from anselai.domain.errors import AnselError, AuthFailure, PermanentFailure, TransientFailure
from anselai.domain.ports.platform_client import Batch
from tests.exposed import samples
from tests.fakes import FakeClock
from tests.samples import some_id
from tests.unit.scripted_flickr import HOUR, NOW, Flickr

LATENESS = "anselai_sync_lateness_seconds"
DURATION = "anselai_sync_attempt_duration_seconds"


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
async def ansel(flickr: Flickr, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        await opened.connections.save_connection("flickr", access_token="access-1", refresh_token="refresh-1")
        yield opened


async def scraped(ansel: Ansel) -> dict[str, float]:
    return samples((await ansel.monitoring.scrape()).text.decode())


def attempts(found: dict[str, float]) -> dict[str, float]:
    """How many attempts ended so, of those that did."""
    return {name: value for name, value in found.items() if name.startswith("anselai_sync_attempts_total") and value}


async def test_an_attempt_is_counted_with_its_outcome_and_its_duration(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    async def slow() -> None:
        clock.advance(timedelta(seconds=7))

    flickr.scripts = [[slow, Batch()], [PermanentFailure("No such account.")]]
    for frequency in ("daily", "weekly"):
        await ansel.scheduler.run_sync_now("flickr", frequency)
        await ansel.worker.drain()
    found = await scraped(ansel)
    assert attempts(found) == {
        "anselai_sync_attempts_total{frequency=daily,outcome=succeeded,platform=flickr}": 1,
        "anselai_sync_attempts_total{frequency=weekly,outcome=failed,platform=flickr}": 1,
    }
    assert found[f"{DURATION}_sum{{frequency=daily,platform=flickr}}"] == 7
    assert not any(name.startswith(LATENESS) for name in found)  # manual syncs have no slot to be late for


async def test_a_scheduled_run_is_as_late_as_its_first_attempt(ansel: Ansel, flickr: Flickr, clock: FakeClock) -> None:
    schedule = await ansel.scheduler.schedule_sync("flickr", "hourly", cron="0 * * * *")
    assert schedule.next_run_at == NOW + HOUR
    flickr.scripts = [[TransientFailure("The platform is busy.")]]
    clock.advance(HOUR + timedelta(seconds=3))
    await ansel.worker.drain()
    clock.advance(timedelta(minutes=10))
    await ansel.worker.drain()
    found = await scraped(ansel)
    assert found["anselai_sync_attempts_total{frequency=hourly,outcome=retrying,platform=flickr}"] == 1
    assert found["anselai_sync_attempts_total{frequency=hourly,outcome=succeeded,platform=flickr}"] == 1
    assert found[f"{LATENESS}_count{{frequency=hourly,platform=flickr}}"] == 1
    assert found[f"{LATENESS}_sum{{frequency=hourly,platform=flickr}}"] == 3


async def test_a_result_that_the_store_refuses_is_no_attempt_of_ours(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    async def loses_its_lease() -> None:
        clock.advance(HOUR)
        assert await ansel.scheduler.jobs.reclaim(1) == 1
        clock.advance(-HOUR)  # so that it is not due again in this test

    flickr.scripts = [[loses_its_lease]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert attempts(await scraped(ansel)) == {}


async def test_jobs_that_others_abandoned_are_counted_where_they_are_brought_back(flickr: Flickr) -> None:
    limits = WorkerLimits(idle_poll=timedelta(milliseconds=20))
    async with open_in_memory(plugins=[flickr], limits=limits) as ansel:
        await ansel.connections.save_connection("flickr", access_token="access-1")
        await ansel.scheduler.run_sync_now("flickr")
        assert await ansel.scheduler.jobs.claim(some_id(), 1, timedelta())
        assert (await scraped(ansel))["anselai_sync_jobs{state=stalled}"] == 1
        working = asyncio.create_task(ansel.worker.run())
        async with asyncio.timeout(10):
            while not attempts(await scraped(ansel)):  # noqa: ASYNC110  what is waited for is in the store
                await asyncio.sleep(0.01)
        found = await scraped(ansel)
        ansel.worker.stop()
        await working
    assert found["anselai_sync_abandoned_attempts_total"] == 1
    assert found["anselai_sync_jobs{state=stalled}"] == 0
    assert found["anselai_sync_daemons"] == 1


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        (None, "succeeded"),
        (AuthFailure("invalid_grant"), "refused"),
        (TransientFailure("The platform is busy."), "failed"),
        (ValueError("a bug of the client"), "failed"),
    ],
)
async def test_a_refresh_is_counted_by_what_became_of_it(
    ansel: Ansel, flickr: Flickr, refusal: Exception | None, outcome: str
) -> None:
    flickr.refusal = refusal
    with suppress(AnselError):
        await ansel.connections.refresh_token("flickr")
    found = await scraped(ansel)
    counted = {name: value for name, value in found.items() if name.startswith("anselai_token_refreshes") and value}
    assert counted == {f"anselai_token_refreshes_total{{outcome={outcome},platform=flickr}}": 1}


async def test_the_queue_is_that_of_all_studios_at_the_instant_of_the_scrape(ansel: Ansel, clock: FakeClock) -> None:
    await ansel.scheduler.run_sync_now("flickr")
    clock.advance(timedelta(seconds=90))
    found = await scraped(ansel)
    assert found["anselai_sync_jobs{state=due}"] == 1
    assert found["anselai_sync_oldest_due_age_seconds"] == 90
