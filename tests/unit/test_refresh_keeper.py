"""Tokens are kept fresh, also of connections that nobody syncs, and no platform is hammered for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.application.ansel import Ansel
from anselai.application.platform_trouble import LONGEST_PAUSE, TROUBLE_PAUSE, TROUBLED_AFTER, PlatformTrouble
from anselai.application.refresh_keeper import RefreshKeeper
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import AnswerLost, AuthFailure, RateLimited, RightsMissing, TransientFailure
from anselai.domain.refreshing import SecondUse
from anselai.domain.sync_job import JobState
from tests.fakes import NOON, FakeClock
from tests.samples import some_id
from tests.unit.refreshed_platform import HOUR, Refreshed, platform
from tests.unit.scripted_flickr import Flickr

MINUTE = timedelta(minutes=1)


@pytest.fixture
def flickr() -> Refreshed:
    return platform("flickr", SecondUse.WORKS)


@pytest.fixture
def smugmug() -> Refreshed:
    return platform("smugmug", SecondUse.WORKS)


@pytest.fixture
async def ansel(flickr: Refreshed, smugmug: Refreshed, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr, smugmug], clock=clock) as opened:
        yield opened


@pytest.fixture
def keeper(ansel: Ansel) -> RefreshKeeper:
    return ansel.worker.keeper


async def connect(ansel: Ansel, name: str = "flickr", studio: str = "default") -> None:
    if studio != "default":
        await ansel.access.add_studio(studio)
    await ansel.connections.save_connection(
        name, access_token="access-0", refresh_token="refresh-0", token_expires_at=NOON + HOUR, studio=studio
    )


async def test_it_refreshes_what_is_due_and_nothing_else(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    await connect(ansel)
    assert await keeper.tick() == 0
    clock.advance(HOUR - MINUTE)
    assert await keeper.tick() == 1
    assert await keeper.tick() == 0
    view = await ansel.connections.get_connection("flickr")
    assert view.token_expires_at == clock.now() + HOUR
    assert len(flickr.given) == 1


async def test_paused_schedules_and_a_connection_that_expired_make_no_difference(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    await connect(ansel)
    await ansel.scheduler.schedule_sync("flickr", "hourly", enabled=False)
    stored = await ansel.connections.connections.get(ConnectionKey("default", "flickr"))
    await ansel.connections.connections.replace(stored.marked(ConnectionStatus.EXPIRED, now=NOON, code="X"))
    clock.advance(HOUR - MINUTE)
    assert await keeper.tick() == 1
    assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.ACTIVE


async def test_tokens_stay_fresh_while_a_sync_waits_for_a_long_rate_limit(clock: FakeClock) -> None:
    flickr = Flickr(scripts=[[RateLimited("slow down", 3 * 3600)]])
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        queued = await ansel.scheduler.run_sync_now("flickr")
        await ansel.worker.drain()
        refreshes = []
        for _ in range(3 * 12):
            clock.advance(5 * MINUTE)
            refreshes.append(await ansel.worker.keeper.tick())
            view = await ansel.connections.get_connection("flickr")
            assert view.status is ConnectionStatus.ACTIVE
        assert sum(refreshes) == 3
        clock.advance(HOUR / 2)
        await ansel.worker.keeper.tick()
        await ansel.worker.drain()
        assert (await ansel.scheduler.get_job(queued.id)).state is JobState.SUCCEEDED
        assert flickr.tokens[:2] == ["access-0", "renewed"]


async def test_no_more_than_so_many_are_refreshed_at_once_on_one_platform(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, smugmug: Refreshed, clock: FakeClock
) -> None:
    keeper.limits = replace(keeper.limits, at_once=3, look_every=timedelta(milliseconds=1))
    for number in range(8):
        await connect(ansel, studio=f"studio-{number}")
    await connect(ansel, "smugmug")
    clock.advance(HOUR - MINUTE)
    flickr.hold = asyncio.Event()
    running = asyncio.create_task(keeper.run())
    while not smugmug.given or len(flickr.given) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert len(flickr.given) == 3
    flickr.hold.set()
    while len(flickr.given) < 8:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    keeper.stop()
    await running


async def test_a_platform_in_trouble_is_asked_with_one_connection_until_it_answers(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, smugmug: Refreshed, clock: FakeClock
) -> None:
    for number in range(3 * TROUBLED_AFTER):
        await connect(ansel, studio=f"studio-{number}")
    await connect(ansel, "smugmug")
    keeper.limits = replace(keeper.limits, at_once=TROUBLED_AFTER)
    flickr.failures.extend([TransientFailure("503")] * (TROUBLED_AFTER + 1))
    clock.advance(HOUR - 10 * MINUTE)
    await keeper.tick()
    assert (len(flickr.given), len(smugmug.given)) == (TROUBLED_AFTER, 1)
    clock.advance(timedelta(seconds=31))
    await keeper.tick()
    assert len(flickr.given) == TROUBLED_AFTER + 1
    clock.advance(timedelta(seconds=31))
    await keeper.tick()
    assert len(flickr.given) > 2 * TROUBLED_AFTER


async def test_the_rate_limit_of_an_app_stops_all_its_refreshes(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    for number in range(9):
        await connect(ansel, studio=f"studio-{number}")
    keeper.limits = replace(keeper.limits, at_once=1)
    flickr.failures.extend([RateLimited("slow down", 120)] * 2)
    clock.advance(HOUR - 10 * MINUTE)
    await keeper.tick()
    assert len(flickr.given) == 2
    clock.advance(timedelta(seconds=119))
    await keeper.tick()
    assert len(flickr.given) == 2
    clock.advance(timedelta(seconds=20))
    await keeper.tick()
    assert len(flickr.given) == 11


async def test_the_rate_limit_of_one_connection_stops_no_other(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    for number in range(9):
        await connect(ansel, studio=f"studio-{number}")
    keeper.limits = replace(keeper.limits, at_once=1)
    flickr.failures.append(RateLimited("your quota", 300))
    clock.advance(HOUR - 10 * MINUTE)
    assert await keeper.tick() == 9
    assert len(flickr.given) == 9


async def test_rights_that_are_missing_are_told(
    ansel: Ansel, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_not_ours(*_: object) -> None:
        raise RightsMissing("permission denied for table platform_connections")

    keeper = ansel.worker.keeper
    monkeypatch.setattr(type(keeper.connections), "due_refreshes", is_not_ours)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.01)
    keeper.stop()
    await running
    assert "permission denied for table platform_connections" in caplog.text


def test_nor_does_it_when_it_is_limited_again() -> None:
    trouble, key = PlatformTrouble(), ConnectionKey("default", "flickr")
    trouble.note(key, RateLimited("your quota", 300), 0.0, 0.0)
    trouble.note(key, RateLimited("your quota", 300), 300.0, 300.0)
    assert trouble.paused_until <= 300.0


@pytest.mark.parametrize("lost", [AnswerLost("cut"), KeyError("expires_in")])
async def test_an_outage_does_not_use_up_the_tokens_of_all_where_they_work_once(
    clock: FakeClock, lost: Exception
) -> None:
    flickr = platform("flickr", SecondUse.REFUSED)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        keeper = ansel.worker.keeper
        keeper.limits = replace(keeper.limits, at_once=2)
        for number in range(30):
            await connect(ansel, studio=f"studio-{number}")
        flickr.failures.extend([lost] * 60)
        clock.advance(HOUR - MINUTE)
        await keeper.tick()
        assert len(flickr.given) == 2
        for tries in (3, 4, 5):
            clock.advance(timedelta(seconds=LONGEST_PAUSE - 1))
            await keeper.tick()
            assert len(flickr.given) == tries, "each may cost a connection"
            await keeper.tick()
            assert len(flickr.given) == tries
        flickr.failures.clear()
        clock.advance(timedelta(seconds=LONGEST_PAUSE))
        await keeper.tick()
        assert len(flickr.given) == 30
        studios = [f"studio-{number}" for number in range(30)]
        views = [await ansel.connections.get_connection("flickr", studio=each) for each in studios]
        assert Counter(each.status for each in views) == {ConnectionStatus.EXPIRED: 5, ConnectionStatus.ACTIVE: 25}


async def test_after_the_first_lost_answer_one_connection_tries_whether_it_is_over(clock: FakeClock) -> None:
    flickr = platform("flickr", SecondUse.REFUSED)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        keeper = ansel.worker.keeper
        keeper.limits = replace(keeper.limits, at_once=1)
        for number in range(9):
            await connect(ansel, studio=f"studio-{number}")
        flickr.failures.append(AnswerLost("cut"))
        clock.advance(HOUR - MINUTE)
        await keeper.tick()
        assert len(flickr.given) == 1
        clock.advance(timedelta(seconds=TROUBLE_PAUSE))
        await keeper.tick()
        assert len(flickr.given) == 9


async def test_a_release_of_a_plug_in_that_only_fails_is_not_tried_with_all_connections(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    for number in range(3 * TROUBLED_AFTER):
        await connect(ansel, studio=f"studio-{number}")
    keeper.limits = replace(keeper.limits, at_once=1)
    flickr.failures.extend([KeyError("expires_in")] * 60)
    clock.advance(HOUR - 10 * MINUTE)
    await keeper.tick()
    assert len(flickr.given) == TROUBLED_AFTER


async def test_what_a_crash_left_behind_says_nothing_of_the_platform(clock: FakeClock) -> None:
    flickr = platform("flickr", SecondUse.REFUSED)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        keeper = ansel.worker.keeper
        keeper.limits = replace(keeper.limits, at_once=1)
        for number in range(4):
            await connect(ansel, studio=f"studio-{number}")
        for number in range(2):
            key = ConnectionKey(f"studio-{number}", "flickr")
            await ansel.connections.connections.begin_refresh(key, some_id(), MINUTE)
        clock.advance(HOUR - MINUTE)
        assert await keeper.tick() == 4
        assert len(flickr.given) == 2


async def test_one_slow_platform_does_not_keep_the_others_waiting(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, smugmug: Refreshed, clock: FakeClock
) -> None:
    keeper.limits = replace(keeper.limits, look_every=timedelta(milliseconds=1))
    await connect(ansel)
    clock.advance(HOUR - MINUTE)
    flickr.hold = asyncio.Event()
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(5):
        while not flickr.given:  # noqa: ASYNC110  what is waited for happens on the platform
            await asyncio.sleep(0.001)
        await connect(ansel, "smugmug")
        clock.advance(MINUTE)
        while not smugmug.given:  # noqa: ASYNC110  what is waited for happens on the platform
            await asyncio.sleep(0.001)
    keeper.stop()
    async with asyncio.timeout(5):
        await running
    flickr.hold.set()
    await ansel.connections.refresher.settle()


async def test_what_is_refused_is_not_asked_for_again(
    ansel: Ansel, keeper: RefreshKeeper, flickr: Refreshed, clock: FakeClock
) -> None:
    await connect(ansel)
    flickr.failures.append(AuthFailure("invalid_grant"))
    clock.advance(HOUR - MINUTE)
    assert await keeper.tick() == 1
    clock.advance(timedelta(days=30))
    assert await keeper.tick() == 0
    assert len(flickr.given) == 1


async def test_a_time_without_anything_to_refresh_with_is_forgotten(
    ansel: Ansel, keeper: RefreshKeeper, clock: FakeClock
) -> None:
    await connect(ansel)
    connections = ansel.connections.connections
    stored = await connections.get(ConnectionKey("default", "flickr"))
    await connections.replace(replace(stored, refresh_token=None))
    clock.advance(HOUR)
    assert await keeper.tick() == 1
    assert (await connections.get(ConnectionKey("default", "flickr"))).refresh.at is None


async def test_the_daemon_runs_it_and_stops_it(flickr: Refreshed) -> None:
    async with open_in_memory(plugins=[flickr]) as ansel:
        now = ansel.clock.now()
        await ansel.connections.save_connection(
            "flickr", access_token="access-0", refresh_token="refresh-0", token_expires_at=now
        )
        working = asyncio.create_task(ansel.worker.run())
        async with asyncio.timeout(10):
            while not flickr.given:  # noqa: ASYNC110  what is waited for happens on the platform
                await asyncio.sleep(0.01)
        ansel.worker.stop()
        await working
        assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.ACTIVE
