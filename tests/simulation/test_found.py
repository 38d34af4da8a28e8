"""What the simulation found, each as small as it gets."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from anselai.adapters.cron import CroniterTimetable
from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.errors import ConnectionChanged
from anselai.domain.ports.platform_client import PlatformClient
from anselai.domain.ports.sync_log import LogEntry
from tests.fakes import NOON, FakeClock, ScriptedClient

HOUR = timedelta(hours=1)


class Google(ScriptedClient):
    def __call__(self, config: object) -> PlatformClient:
        return self


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
async def ansel(clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[Google()], clock=clock) as opened:
        await opened.connections.save_connection("google", access_token="token")
        await opened.scheduler.schedule_sync("google", "hourly", cron="0 * * * *")
        yield opened


async def hourly_slots(ansel: Ansel) -> int:
    """How many slots of the hourly schedule the log tells of."""
    rows: list[LogEntry] = list((await ansel.scheduler.log()).entries)
    return sum(row.count for row in rows if row.frequency == "hourly" and row.slot_at is not None)


async def test_slots_that_wait_for_their_turn_are_accounted_for_when_the_cron_changes(
    ansel: Ansel, clock: FakeClock
) -> None:
    await ansel.scheduler.schedule_sync("google", "hourly", catch_up="all")
    await ansel.scheduler.run_sync_now("google", "hourly")  # active: the slots below wait until it has ended
    clock.advance(3 * HOUR)
    await ansel.scheduler.schedule_sync("google", "hourly", cron="30 * * * *")
    await ansel.worker.drain()
    assert await hourly_slots(ansel) == 3


async def test_slots_that_were_due_are_accounted_for_when_the_connection_is_removed(
    ansel: Ansel, clock: FakeClock
) -> None:
    clock.advance(3 * HOUR)  # no daemon ran
    await ansel.connections.remove_connection("google")
    assert await hourly_slots(ansel) == 3


async def test_a_slot_is_not_planned_again_by_an_api_server_whose_clock_is_behind(
    ansel: Ansel, clock: FakeClock
) -> None:
    clock.advance(HOUR)
    await ansel.worker.drain()
    assert await hourly_slots(ansel) == 1
    object.__setattr__(ansel.scheduler, "clock", FakeClock(clock.now() - timedelta(minutes=2)))
    await ansel.scheduler.schedule_sync("google", "hourly", cron="0 0-23 * * *")
    await ansel.worker.drain()
    assert await hourly_slots(ansel) == 1


async def test_a_slot_that_came_by_the_clock_of_the_store_is_accounted_for_by_an_api_server_that_is_behind(
    ansel: Ansel, clock: FakeClock
) -> None:
    clock.advance(HOUR + timedelta(seconds=30))
    object.__setattr__(ansel.scheduler, "clock", FakeClock(clock.now() - timedelta(minutes=2)))
    await ansel.scheduler.schedule_sync("google", "hourly", cron="30 * * * *")
    await ansel.worker.drain()
    assert await hourly_slots(ansel) == 1


async def test_a_slot_that_comes_while_its_cron_is_being_changed_is_accounted_for(
    ansel: Ansel, clock: FakeClock
) -> None:
    class SlowTimetable(CroniterTimetable):
        def check(self, cron: str, timezone: str) -> None:
            clock.advance(timedelta(seconds=1))

    clock.advance(HOUR - timedelta(seconds=0.5))
    object.__setattr__(ansel.scheduler, "timetable", SlowTimetable())
    with suppress(ConnectionChanged):  # to refuse the change is well, too
        await ansel.scheduler.schedule_sync("google", "hourly", cron="30 * * * *")
    await ansel.worker.drain()
    assert await hourly_slots(ansel) == 1
