"""What a refresh ended stays ended, and keeps its reason, until somebody gives it new tokens."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from anselai.adapters.memory.connections import MemoryConnections
from anselai.application.ansel import Ansel
from anselai.application.sync_runner import SyncRunner
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import AnswerLost, AuthFailure, RateLimited, RefreshUnanswered, TransientFailure
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import Batch, FetchRequest
from anselai.domain.refreshing import SecondUse
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
    lost = replace(await stored(ansel), access_token=SealedToken("v1.0123456789ab.00"))
    cast("MemoryConnections", ansel.connections.connections).store.connections[lost.key] = lost
    ended = says(await stored(ansel))
    assert (await ansel.connections.test_connection("flickr")).ok is False
    assert says(await stored(ansel)) == ended


@pytest.mark.parametrize("ending", [AuthFailure("invalid_grant"), AnswerLost("cut")])
@pytest.mark.parametrize("later", [TransientFailure("503"), RateLimited("slow down", HOUR)])
async def test_nor_does_a_person_who_asks_once_more_in_vain(
    clock: FakeClock, ending: Exception, later: Exception
) -> None:
    flickr = platform(second_use=SecondUse.WORKS if isinstance(ending, AuthFailure) else SecondUse.REFUSED)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        flickr.failures.append(ending)
        await refreshed(ansel)
        ended = says(await stored(ansel))
        clock.advance(MINUTE)
        flickr.failures.append(later)
        await refreshed(ansel)
        assert says(await stored(ansel)) == ended
        asked = len(flickr.given)
        clock.advance(24 * HOUR)
        assert await ansel.worker.keeper.tick() == 0
        assert len(flickr.given) == asked


async def test_nor_does_one_whose_refresh_token_no_key_opens(ansel: Ansel, flickr: Refreshed, clock: FakeClock) -> None:
    flickr.failures.append(AuthFailure("invalid_grant"))
    await refreshed(ansel)
    refused = replace(await stored(ansel), refresh_token=SealedToken("v1.0123456789ab.00"))
    cast("MemoryConnections", ansel.connections.connections).store.connections[refused.key] = refused
    clock.advance(MINUTE)
    assert await refreshed(ansel) == "TOKEN_UNREADABLE"
    assert says(await stored(ansel)) == says(refused)


async def test_but_an_open_question_is_asked_again_where_that_may_still_bring_tokens(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.GRACE)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        flickr.failures.append(AuthFailure("invalid_grant"))
        await refreshed(ansel)
        clock.advance(MINUTE)
        flickr.failures.append(AnswerLost("cut"))
        await refreshed(ansel)
        clock.advance(MINUTE / 2)
        assert await ansel.worker.keeper.tick() == 1
        assert (await stored(ansel)).status is ConnectionStatus.ACTIVE


class Denying(Refreshed):
    """Takes no access token for a while."""

    denies = 0

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        if self.denies:
            self.denies -= 1
            raise AuthFailure("401")
        yield Batch()


async def denied(ansel: Ansel, flickr: Denying) -> None:
    """A sync found that the platform takes neither the token nor a new one."""
    flickr.denies = 2
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert says(await stored(ansel)) == (ConnectionStatus.EXPIRED, "PLATFORM_AUTH", "401")


async def test_but_what_only_a_sync_called_expired_is_active_again_when_its_token_works(clock: FakeClock) -> None:
    flickr = Denying(platform(second_use=SecondUse.WORKS).info)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        await denied(ansel, flickr)
        flickr.failures.append(TransientFailure("503"))
        assert await refreshed(ansel) == "PLATFORM_UNAVAILABLE"
        assert (await ansel.connections.test_connection("flickr")).status is ConnectionStatus.ACTIVE


async def test_and_a_sync_of_it_waits_for_the_refresh_that_is_under_way(clock: FakeClock) -> None:
    flickr = Denying(platform(second_use=SecondUse.WORKS).info)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        await denied(ansel, flickr)
        clock.advance(2 * HOUR)
        flickr.hold, asked = asyncio.Event(), len(flickr.given)
        keeping = asyncio.create_task(ansel.worker.keeper.tick())
        while len(flickr.given) == asked:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        job = await ansel.scheduler.run_sync_now("flickr")
        running = asyncio.create_task(ansel.worker.drain())
        await asyncio.sleep(0.01)
        flickr.hold.set()
        await asyncio.gather(keeping, running)
        assert (await ansel.scheduler.get_job(job.id)).state is JobState.SUCCEEDED


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
