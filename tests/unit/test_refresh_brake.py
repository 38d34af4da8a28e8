"""A platform that gives no new tokens is left in peace by everybody: the keeper, syncs that begin, and refusals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.application.ansel import Ansel
from anselai.application.platform_trouble import AT_RISK, LONGEST_PAUSE, TROUBLE_PAUSE, TROUBLED_AFTER
from anselai.application.refresh_keeper import KeeperLimits
from anselai.application.token_refresh import WAIT_FOR_OTHERS
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.errors import (
    AnswerLost,
    AuthFailure,
    PermanentFailure,
    PlatformFailure,
    PlatformPaused,
    RateLimited,
    TransientFailure,
)
from anselai.domain.refreshing import SecondUse
from anselai.domain.sync_job import JobState
from tests.fakes import NOON, FakeClock
from tests.simulation.virtual_time import StoreClock, virtual_loop
from tests.unit.refreshed_platform import HOUR, KEY, Refreshed, connect, platform

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
AT_ONCE = KeeperLimits().at_once
FLEET = [f"studio-{number}" for number in range(3 * AT_RISK)]


@pytest.fixture
def flickr() -> Refreshed:
    return platform()


@pytest.fixture
async def ansel(flickr: Refreshed, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        await connect_fleet(opened)
        yield opened


async def connect_fleet(ansel: Ansel) -> None:
    for studio in FLEET:
        await ansel.access.add_studio(studio)
        await connect(ansel, studio=studio)


async def fleet(ansel: Ansel) -> list[PlatformConnection]:
    return [await ansel.connections.connections.get(ConnectionKey(studio, "flickr")) for studio in FLEET]


async def sync_all(ansel: Ansel) -> None:
    for studio in FLEET:
        await ansel.scheduler.run_sync_now("flickr", studio=studio)
    await ansel.worker.drain()


async def test_syncs_of_a_fleet_do_not_risk_the_tokens_that_the_keeper_spares(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.extend([AnswerLost("cut")] * 100)
    clock.advance(HOUR - 10 * MINUTE)
    await ansel.worker.keeper.tick()
    asked = len(flickr.given)
    assert asked <= AT_RISK
    await sync_all(ansel)
    assert len(flickr.given) == asked
    expired = [each for each in await fleet(ansel) if each.status is ConnectionStatus.EXPIRED]
    assert len(expired) == asked


async def test_a_sync_whose_token_has_ended_waits_for_the_platform_and_expires_nothing(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.extend([AnswerLost("cut")] * 100)
    clock.advance(HOUR - 10 * MINUTE)
    await ansel.worker.keeper.tick()
    asked = len(flickr.given)
    clock.advance(11 * MINUTE)
    ansel.connections.refresher.trouble_of("flickr").paused_until = clock.monotonic() + MINUTE.total_seconds()
    await sync_all(ansel)
    assert len(flickr.given) == asked
    assert [each.status for each in await fleet(ansel)].count(ConnectionStatus.EXPIRED) == asked


async def test_a_sync_that_waits_for_a_platform_uses_up_no_attempt_and_is_not_lost(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    limit = RateLimited("the app's", 20 * MINUTE)
    flickr.failures.extend([limit] * 2)
    clock.advance(2 * HOUR)
    for studio in FLEET[:2]:
        with pytest.raises(RateLimited):
            await ansel.connections.refresh_token("flickr", studio=studio)
    job = await ansel.scheduler.run_sync_now("flickr", studio=FLEET[2])
    for _ in range(20):
        await ansel.worker.drain()
        clock.advance(12 * SECOND)
    waiting = await ansel.scheduler.get_job(job.id, studio=FLEET[2])
    assert (waiting.state, waiting.error_code) == (JobState.QUEUED, "PLATFORM_PAUSED")
    assert waiting.run_after <= clock.now() + timedelta(seconds=LONGEST_PAUSE)
    assert (await fleet(ansel))[2].status is ConnectionStatus.ACTIVE
    clock.advance(timedelta(seconds=LONGEST_PAUSE))
    await ansel.worker.drain()
    assert (await ansel.scheduler.get_job(job.id, studio=FLEET[2])).state is JobState.SUCCEEDED


async def test_a_platform_that_answers_a_person_is_left_in_peace_no_longer(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.append(AnswerLost("cut"))
    first, second, third = (await fleet(ansel))[:3]
    refresher = ansel.connections.refresher
    with pytest.raises(PlatformFailure):
        await refresher.refresh(first.key, seen=first)
    with pytest.raises(PlatformPaused):
        await refresher.refresh(second.key, seen=second)
    clock.advance(SECOND)
    await refresher.refresh(second.key)
    assert (await refresher.refresh(third.key, seen=third)).token_version == 2


@pytest.mark.parametrize("answer", [None, AuthFailure("invalid_grant")])
async def test_answers_that_were_on_their_way_before_a_pause_do_not_end_it(
    clock: FakeClock, answer: Exception | None
) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect_fleet(ansel)
        clock.advance(HOUR - MINUTE)
        flickr.failures.extend([RateLimited("the app's", 5 * MINUTE)] * 2 + ([answer] if answer is not None else []))
        assert await ansel.worker.keeper.tick() == AT_ONCE
        assert len(flickr.given) == AT_ONCE


async def test_a_sync_that_waits_long_waits_longer_each_time(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        clock.advance(2 * HOUR)
        trouble = ansel.connections.refresher.trouble_of("flickr")
        job = await ansel.scheduler.run_sync_now("flickr", "daily")
        for _ in range(360):
            trouble.paused_until = clock.monotonic() + MINUTE.total_seconds()
            await ansel.worker.drain()
            clock.advance(10 * SECOND)
        waiting = await ansel.scheduler.get_job(job.id)
        assert (waiting.state, waiting.error_code) == (JobState.QUEUED, "PLATFORM_PAUSED")
        assert 10 <= waiting.attempt <= 18
        trouble.paused_until = 0.0
        await ansel.scheduler.run_sync_now("flickr", "daily")
        await ansel.worker.drain()
        assert (await ansel.scheduler.get_job(job.id)).state is JobState.SUCCEEDED, "who asks does not wait"


@pytest.mark.parametrize("answer", [None, AuthFailure("invalid_grant")])
async def test_only_failures_in_a_row_are_trouble(ansel: Ansel, flickr: Refreshed, answer: Exception | None) -> None:
    failing, other = FLEET[: TROUBLED_AFTER - 1], (await fleet(ansel))[-1]
    for round_of in (failing, FLEET[TROUBLED_AFTER : 2 * TROUBLED_AFTER - 1]):
        for studio in round_of:
            flickr.failures.append(TransientFailure("503"))
            with pytest.raises(TransientFailure):
                await ansel.connections.refresh_token("flickr", studio=studio)
        if round_of is failing:
            flickr.failures.extend([answer] if answer is not None else [])
            with suppress(AuthFailure):
                await ansel.connections.refresh_token("flickr", studio=FLEET[-2])
    assert (await ansel.connections.refresher.refresh(other.key, seen=other)).token_version == 2


async def test_but_a_platform_that_fails_again_after_it_answered_is_in_trouble_again(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    for _ in range(2):
        clock.advance(timedelta(seconds=TROUBLE_PAUSE))
        await ansel.connections.refresh_token("flickr", studio=FLEET[-2])
        for studio in FLEET[:TROUBLED_AFTER]:
            flickr.failures.append(TransientFailure("503"))
            with pytest.raises(TransientFailure):
                await ansel.connections.refresh_token("flickr", studio=studio)
    other = (await fleet(ansel))[-1]
    with pytest.raises(PlatformPaused):
        await ansel.connections.refresher.refresh(other.key, seen=other)


async def test_while_there_is_trouble_nobody_waits_for_a_place(ansel: Ansel) -> None:
    trouble, other = ansel.connections.refresher.trouble_of("flickr"), (await fleet(ansel))[-1]
    trouble.failures, trouble.asking = TROUBLED_AFTER, AT_RISK
    async with asyncio.timeout(5):
        with pytest.raises(PlatformPaused):
            await ansel.connections.refresher.refresh(other.key, seen=other)


async def test_two_connections_that_fail_in_turns_stop_no_other(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    for number in range(3 * TROUBLED_AFTER):
        clock.advance(timedelta(seconds=TROUBLE_PAUSE))
        flickr.failures.append(TransientFailure("503"))
        with pytest.raises(TransientFailure):
            await ansel.connections.refresh_token("flickr", studio=FLEET[number % 2])
    other = (await fleet(ansel))[-1]
    assert (await ansel.connections.refresher.refresh(other.key, seen=other)).token_version == 2


@pytest.mark.parametrize("between", [None, TransientFailure("503")])
async def test_rate_limits_with_another_answer_between_are_those_of_users(
    ansel: Ansel, flickr: Refreshed, between: Exception | None
) -> None:
    trouble, limit = ansel.connections.refresher.trouble_of("flickr"), RateLimited("a user's", 20 * MINUTE)
    for failure, studio in zip([limit, between, limit], FLEET, strict=False):
        flickr.failures.extend([failure] if failure is not None else [])
        with suppress(PlatformFailure):
            await ansel.connections.refresh_token("flickr", studio=studio)
    assert trouble.paused_until <= ansel.clock.monotonic()


async def test_a_shorter_pause_does_not_end_a_longer_one(ansel: Ansel, flickr: Refreshed) -> None:
    trouble, limit = ansel.connections.refresher.trouble_of("flickr"), RateLimited("the app's", 20 * MINUTE)
    flickr.failures.extend([limit, limit, TransientFailure("503")])
    for studio in FLEET[:3]:
        with pytest.raises(PlatformFailure):
            await ansel.connections.refresh_token("flickr", studio=studio)
    assert trouble.paused_until - ansel.clock.monotonic() == LONGEST_PAUSE


@pytest.mark.parametrize("number", [2, TROUBLED_AFTER, AT_RISK])
async def test_where_tokens_work_again_for_a_while_each_lost_answer_is_asked_for_in_time(
    clock: FakeClock, number: int
) -> None:
    flickr = Refreshed(replace(platform(second_use=SecondUse.GRACE).info, reuse_grace=MINUTE))
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect_fleet(ansel)
        clock.advance(HOUR - MINUTE)
        flickr.failures.extend([AnswerLost("cut")] * number)
        for _ in range(20):
            await ansel.worker.keeper.tick()
            clock.advance(10 * SECOND)
        assert {each.status for each in await fleet(ansel)} == {ConnectionStatus.ACTIVE}
        assert len(flickr.given) == len(FLEET) + number


async def test_no_more_tokens_that_work_once_are_risked_at_once_than_a_few(ansel: Ansel, flickr: Refreshed) -> None:
    flickr.hold = asyncio.Event()
    refresher = ansel.connections.refresher
    callers = [asyncio.create_task(refresher.refresh(each.key, seen=each)) for each in await fleet(ansel)]
    while len(flickr.given) < AT_RISK:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert len(flickr.given) == AT_RISK
    flickr.hold.set()
    await asyncio.gather(*callers)
    assert len(flickr.given) == len(FLEET)


async def test_a_person_asks_whatever_the_platform_does_with_others(ansel: Ansel, flickr: Refreshed) -> None:
    flickr.failures.append(AnswerLost("cut"))
    with pytest.raises(PlatformFailure):
        await ansel.connections.refresh_token("flickr", studio=FLEET[0])
    assert (await ansel.connections.refresh_token("flickr", studio=FLEET[1])).status is ConnectionStatus.ACTIVE


@pytest.mark.parametrize("wrong", [PermanentFailure("invalid_client"), KeyError("expires_in")])
async def test_what_fails_for_all_is_not_tried_with_all(clock: FakeClock, wrong: Exception) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect_fleet(ansel)
        flickr.failures.extend([wrong] * 1000)
        clock.advance(HOUR - 10 * MINUTE)
        await ansel.worker.keeper.tick()
        first = len(flickr.given)
        assert TROUBLED_AFTER <= first <= AT_RISK
        for _ in range(10):
            clock.advance(timedelta(seconds=TROUBLE_PAUSE))
            await ansel.worker.keeper.tick()
        assert len(flickr.given) <= first + 10


async def test_one_connection_that_fails_again_and_again_stops_no_other(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.extend([TransientFailure("503")] * 2 * TROUBLED_AFTER)
    for _ in range(2 * TROUBLED_AFTER):
        with pytest.raises(TransientFailure):
            await ansel.connections.refresh_token("flickr", studio=FLEET[0])
        clock.advance(timedelta(seconds=TROUBLE_PAUSE))
    other = (await fleet(ansel))[1]
    assert (await ansel.connections.refresher.refresh(other.key, seen=other)).token_version == 2


async def test_while_somebody_asks_a_platform_in_trouble_the_keeper_takes_no_connection_from_the_store(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    clock.advance(HOUR - MINUTE)
    ansel.connections.refresher.trouble_of("flickr").failures = TROUBLED_AFTER
    flickr.hold = asyncio.Event()
    asking = asyncio.create_task(ansel.connections.refresh_token("flickr", studio=FLEET[0]))
    while not flickr.given:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert await ansel.worker.keeper.tick() == 0
    flickr.hold.set()
    await asking
    assert await ansel.worker.keeper.tick() > 0


@pytest.mark.parametrize("lost", [TimeoutError(), AnswerLost("cut")])
async def test_a_client_that_waits_for_an_answer_in_vain_has_lost_it(clock: FakeClock, lost: Exception) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        flickr.failures.append(lost)
        with pytest.raises(AnswerLost):
            await ansel.connections.refresh_token("flickr")


async def test_each_answer_that_is_lost_after_the_first_makes_the_next_pause_longer(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.extend([AnswerLost("cut")] * 100)
    trouble, pauses = ansel.connections.refresher.trouble_of("flickr"), list[float]()
    for each in (await fleet(ansel))[:6]:
        with pytest.raises(PlatformFailure):
            await ansel.connections.refresher.refresh(each.key, seen=each)
        pauses.append(trouble.paused_until - clock.monotonic())
        clock.advance(timedelta(seconds=pauses[-1]))
    assert pauses == [30.0, 60.0, 120.0, 240.0, LONGEST_PAUSE, LONGEST_PAUSE]


async def test_a_token_that_lives_is_used_although_its_refresh_fails(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.failures.append(TransientFailure("503"))
    clock.advance(HOUR - MINUTE)
    due = (await fleet(ansel))[0]
    assert await ansel.connections.refresher.fresh(due, clock.now()) == due
    assert len(flickr.given) == 1


async def test_one_whose_life_nobody_told_has_the_platforms_own(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    flickr.answers["expires_at"] = None
    renewed = await ansel.connections.refresh_token("flickr", studio=FLEET[0])
    assert renewed.token_expires_at == clock.now() + HOUR


@pytest.mark.parametrize("said", ["60", object(), float("inf"), float("nan")])
async def test_a_rate_limit_that_says_nothing_sensible_is_a_rate_limit_all_the_same(
    ansel: Ansel, flickr: Refreshed, said: object
) -> None:
    flickr.failures.append(RateLimited("slow down", said))  # type: ignore[arg-type]
    with pytest.raises(RateLimited):
        await ansel.connections.refresh_token("flickr", studio=FLEET[0])
    stored = (await fleet(ansel))[0]
    assert (stored.status, stored.last_error_code) == (ConnectionStatus.ACTIVE, RateLimited.code)
    assert stored.refresh.asked_at is None


async def test_tokens_that_live_for_a_moment_are_not_refreshed_without_end(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        clock.advance(HOUR)
        for _ in range(60):
            clock.advance(SECOND)
            flickr.answers["expires_at"] = clock.now() + 2 * SECOND
            await ansel.worker.keeper.tick()
        assert 1 < len(flickr.given) <= 3
        clock.advance(HOUR)
        flickr.answers.clear()
        await ansel.worker.keeper.tick()
        assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.ACTIVE


class Deaf(Refreshed):
    """Ignores its cancellation, and says nothing."""

    async def refresh(self, *asked: object) -> object:  # type: ignore[override]
        self.given.append("asked")
        for _ in range(3):
            try:
                await asyncio.sleep(24 * 3600)
            except asyncio.CancelledError:
                self.given.append("cancelled")
        return None


def test_a_client_that_ignores_its_cancellation_is_left_behind_and_the_connection_says_so() -> None:
    flickr = Deaf(platform().info)
    with virtual_loop() as loop:

        async def told() -> None:
            async with open_in_memory(plugins=[flickr], clock=StoreClock(loop, NOON)) as ansel:
                await connect(ansel)
                before = await ansel.connections.connections.get(KEY)
                refresher = ansel.connections.refresher
                with pytest.raises(PlatformFailure) as answer:
                    await refresher.refresh(KEY, seen=before, patience=HOUR)
                assert "did not answer the token refresh in time" in str(answer.value)
                view = await ansel.connections.get_connection("flickr")
                assert (view.status, view.last_error_code) == (ConnectionStatus.EXPIRED, "REFRESH_UNANSWERED")
                assert not refresher.running

        loop.run_until_complete(told())


def test_who_waits_for_others_at_a_slow_platform_does_not_wait_for_ever() -> None:
    flickr = platform()
    flickr.takes = timedelta(seconds=100)
    with virtual_loop() as loop:

        async def told() -> None:
            async with open_in_memory(plugins=[flickr], clock=StoreClock(loop, NOON)) as ansel:
                await connect_fleet(ansel)
                refresher, began = ansel.connections.refresher, loop.time()
                asking = [
                    asyncio.create_task(refresher.refresh(each.key, seen=each, patience=HOUR))
                    for each in (await fleet(ansel))[: AT_RISK + 1]
                ]
                with pytest.raises(PlatformPaused):
                    await asking.pop()
                assert loop.time() - began <= WAIT_FOR_OTHERS.total_seconds() + 1
                await asyncio.gather(*asking)

        loop.run_until_complete(told())
