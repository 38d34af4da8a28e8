"""What a refresh ended stays ended, and keeps its reason, until somebody gives it new tokens."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from anselai.application.ansel import Ansel
from anselai.application.sync_runner import SyncRunner
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import AnswerLost, AuthFailure, RefreshUnanswered
from anselai.domain.ports.clock import Clock
from anselai.domain.sync_job import AttemptResult, ClaimedJob, JobState
from tests.fakes import FakeClock
from tests.samples import some_id
from tests.unit.refreshed_platform import HOUR, Refreshed, connect, platform, refreshed, stored

MINUTE = timedelta(minutes=1)


@pytest.fixture
def flickr() -> Refreshed:
    return platform()


@pytest.fixture
async def ansel(flickr: Refreshed, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        await connect(opened)
        yield opened


@dataclass(frozen=True, slots=True)
class WrongClock(Clock):
    true: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.true.now() + self.by

    def monotonic(self) -> float:
        return self.true.monotonic()


async def claim(ansel: Ansel) -> ClaimedJob:
    [claimed] = await ansel.worker.jobs.claim(some_id(), 1, MINUTE)
    return claimed


async def run(ansel: Ansel, runner: SyncRunner, claimed: ClaimedJob) -> AttemptResult:
    result = await runner.run(claimed, runner.progress_of(claimed))
    await ansel.worker.jobs.finish([result])
    return result


def says(connection: PlatformConnection) -> tuple[ConnectionStatus, str | None, str | None]:
    return connection.status, connection.last_error_code, connection.last_error


@pytest.mark.parametrize("ending", [AuthFailure("invalid_grant"), AnswerLost("cut")])
async def test_a_test_of_its_access_token_does_not_hide_that_it_cannot_be_refreshed(
    ansel: Ansel, flickr: Refreshed, ending: Exception
) -> None:
    flickr.failures.append(ending)
    assert await refreshed(ansel) in ("PLATFORM_AUTH", "REFRESH_UNANSWERED")
    ended = says(await stored(ansel))
    tested = await ansel.connections.test_connection("flickr")
    assert (tested.ok, tested.status) == (True, ConnectionStatus.EXPIRED)
    assert says(await stored(ansel)) == ended


@pytest.mark.parametrize("ending", [AuthFailure("invalid_grant"), AnswerLost("cut")])
async def test_nor_does_a_sync_that_was_under_way(ansel: Ansel, flickr: Refreshed, ending: Exception) -> None:
    job = await ansel.scheduler.run_sync_now("flickr")
    claimed = await claim(ansel)
    flickr.failures.append(ending)
    await refreshed(ansel)
    ended = says(await stored(ansel))
    assert (await run(ansel, ansel.worker.runner, claimed)).error_code is None
    assert says(await stored(ansel)) == ended
    assert (await ansel.scheduler.get_job(job.id)).state is JobState.SUCCEEDED
    assert (await stored(ansel)).last_sync_at is not None


async def test_nor_does_a_sync_that_finds_it_ended(ansel: Ansel, flickr: Refreshed) -> None:
    flickr.failures.append(AnswerLost("cut"))
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    ended = says(await stored(ansel))
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert says(await stored(ansel)) == ended


async def test_nor_does_a_token_that_no_key_opens(ansel: Ansel, flickr: Refreshed) -> None:
    flickr.failures.append(AnswerLost("cut"))
    await refreshed(ansel)
    lost = await stored(ansel)
    await ansel.connections.connections.replace(replace(lost, access_token=SealedToken("v1.0123456789ab.00")))
    ended = says(await stored(ansel))
    assert (await ansel.connections.test_connection("flickr")).ok is False
    assert says(await stored(ansel)) == ended


async def test_another_expiry_alone_does_not_have_it_looked_at_over_and_over(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.append(AnswerLost("cut"))
    await refreshed(ansel)
    await ansel.connections.update_connection("flickr", token_expires_at=clock.now() + 2 * HOUR)
    looked_at = 0
    for _ in range(3 * 60):
        clock.advance(MINUTE)
        looked_at += await ansel.worker.keeper.tick()
    assert looked_at == 0


async def test_who_is_given_the_same_refresh_token_meanwhile_gives_it_to_nobody_twice(
    ansel: Ansel, flickr: Refreshed
) -> None:
    flickr.hold = asyncio.Event()
    under_way = asyncio.create_task(refreshed(ansel))
    while not flickr.given:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await ansel.connections.update_connection("flickr", access_token="pasted", refresh_token="refresh-0")
    flickr.hold.set()
    await under_way
    assert await refreshed(ansel) == "ok"
    assert flickr.given == ["refresh-0", "refresh-1"]


async def test_the_same_refresh_token_does_not_close_the_question_that_it_was_given_for(
    ansel: Ansel, flickr: Refreshed
) -> None:
    flickr.failures.append(AnswerLost("cut"))
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    await ansel.connections.update_connection("flickr", access_token="pasted", refresh_token="refresh-0")
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    assert flickr.given == ["refresh-0"]


@pytest.mark.parametrize("wrong_by", [61 * MINUTE, -61 * MINUTE])
async def test_a_worker_whose_clock_is_wrong_refreshes_when_the_store_says_so(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock, wrong_by: timedelta
) -> None:
    wrong: Clock = WrongClock(clock, wrong_by)
    runner = ansel.worker.runner
    runner = replace(runner, clock=wrong, refresher=replace(runner.refresher, clock=wrong))
    for _ in range(4):
        await ansel.scheduler.run_sync_now("flickr")
        assert (await run(ansel, runner, await claim(ansel))).error_code is None
    assert flickr.given == []
    clock.advance(HOUR + MINUTE)
    await ansel.scheduler.run_sync_now("flickr")
    assert (await run(ansel, runner, await claim(ansel))).error_code is None
    assert flickr.given == ["refresh-0"]


@pytest.mark.parametrize("wrong_by", [3 * HOUR, -3 * HOUR])
async def test_how_long_new_tokens_live_is_counted_from_the_stores_instant(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock, wrong_by: timedelta
) -> None:
    refresher = replace(ansel.connections.refresher, clock=WrongClock(clock, wrong_by))
    renewed = await refresher.refresh((await stored(ansel)).key)
    assert renewed.token_expires_at == clock.now() + HOUR
    flickr.failures.append(AnswerLost("cut"))
    with pytest.raises(RefreshUnanswered) as told:
        await refresher.refresh(renewed.key)
    assert f"{clock.now():%Y-%m-%d %H:%M} UTC" in str(told.value)


async def test_asking_again_after_an_answer_was_lost_changes_nothing(ansel: Ansel, flickr: Refreshed) -> None:
    flickr.failures.append(AnswerLost("cut"))
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    lost = await stored(ansel)
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    await ansel.connections.refresher.settle()
    assert await stored(ansel) == lost
