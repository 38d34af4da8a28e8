"""A schedule that fails again and again warns, is switched off with its reason, and one call switches it on again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from anselai.application.ansel import Ansel
from anselai.application.views import ScheduleView
from anselai.container import open_in_memory
from anselai.domain import failure_streak
from anselai.domain.connection import ConnectionStatus
from anselai.domain.errors import (
    AnselError,
    AuthFailure,
    PermanentFailure,
    RefreshInProgress,
    StoreUnavailable,
    UnknownPlatform,
)
from anselai.domain.failure_streak import DISABLE_AFTER, WARN_AFTER
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome
from tests.fakes import NOON, FakeClock
from tests.samples import GOOGLE, a_schedule, some_id
from tests.unit.scripted_flickr import HOUR, Flickr, rows

SCHEDULE = a_schedule(GOOGLE, Frequency.DAILY, NOON)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_the_end_of_a_run_that_failed_for_good_counts(outcome: Outcome) -> None:
    result = AttemptResult(lease=JobLease(some_id(), 1), outcome=outcome, connection_status=ConnectionStatus.ERROR)
    assert failure_streak.lengthens(result) is (outcome in (Outcome.FAILED, Outcome.STALLED))
    expired = replace(result, connection_status=ConnectionStatus.EXPIRED)
    assert not failure_streak.lengthens(expired), "the connection's pause deals with it"


@pytest.mark.parametrize("ours", [StoreUnavailable, UnknownPlatform, RefreshInProgress])
def test_what_the_deployment_is_to_blame_for_switches_nothing_off(ours: type[AnselError]) -> None:
    failed = AttemptResult(lease=JobLease(some_id(), 1), outcome=Outcome.FAILED, error_code=ours.code)
    assert not failure_streak.lengthens(failed)


def test_a_schedule_is_switched_off_by_the_last_of_so_many_failures_and_no_earlier() -> None:
    schedule = SCHEDULE
    for failures in range(1, DISABLE_AFTER):
        schedule = failure_streak.failed_again(schedule, "CODE")
        assert (schedule.enabled, schedule.failures_in_row) == (True, failures)
    schedule = failure_streak.failed_again(schedule, "CODE: why")
    assert schedule.disabled_reason == (
        "10 runs in a row failed, the last with CODE: why; switch it on again when the cause is gone"
    )
    assert failure_streak.failed_again(schedule, "OTHER") == replace(schedule, failures_in_row=DISABLE_AFTER + 1)


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        (0, None),
        (WARN_AFTER - 1, None),
        (
            WARN_AFTER,
            "The last 5 runs failed: 5 more failures in a row switch this schedule off. The log tells why they failed.",
        ),
        (
            DISABLE_AFTER - 1,
            "The last 9 runs failed: one more failure switches this schedule off. The log tells why they failed.",
        ),
    ],
)
def test_a_warning_says_how_often_it_failed_and_what_happens_next(failures: int, told: str | None) -> None:
    assert failure_streak.warning(replace(SCHEDULE, failures_in_row=failures)) == told
    assert failure_streak.warning(replace(SCHEDULE, failures_in_row=failures, enabled=False)) is None


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("CODE", "It failed.", "CODE: It failed"),
        ("CODE", None, "CODE"),
        (None, "It\nfailed ;", "It failed"),
        (None, " ", "an error that nobody told"),
    ],
)
def test_the_cause_is_told_in_short(code: str | None, message: str | None, told: str) -> None:
    assert failure_streak.cause(code, message) == told


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


@pytest.fixture
async def ansel(flickr: Flickr) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=FakeClock()) as opened:
        await opened.connections.save_connection("flickr", access_token="access-1")
        yield opened


async def fail(ansel: Ansel, flickr: Flickr, times: int) -> None:
    for number in range(times):
        flickr.scripts = [[PermanentFailure(f"Refused, number {number}.")]]
        await ansel.scheduler.run_sync_now("flickr", "hourly")
        assert await ansel.worker.drain() == 1


async def hourly(ansel: Ansel) -> ScheduleView:
    [platform] = (await ansel.scheduler.status()).platforms
    return platform.schedules[0].schedule


async def test_runs_that_fail_warn_and_one_that_succeeds_ends_it(ansel: Ansel, flickr: Flickr) -> None:
    await fail(ansel, flickr, WARN_AFTER)
    view = await hourly(ansel)
    assert (view.enabled, view.failures_in_row, view.warning is not None) == (True, WARN_AFTER, True)
    await ansel.scheduler.run_sync_now("flickr", "hourly")
    await ansel.worker.drain()
    view = await hourly(ansel)
    assert (view.failures_in_row, view.warning) == (0, None)


async def test_a_schedule_that_failures_switched_off_says_why_and_one_call_switches_it_on_again(
    ansel: Ansel, flickr: Flickr
) -> None:
    await fail(ansel, flickr, DISABLE_AFTER)
    off = await hourly(ansel)
    assert (off.enabled, off.next_run_at, off.warning) == (False, None, None)
    assert off.disabled_reason is not None
    assert off.disabled_reason.startswith("10 runs in a row failed, the last with ")
    assert "Refused, number 9; switch it on again" in off.disabled_reason
    on = await ansel.scheduler.schedule_sync("flickr", "hourly")
    assert (on.enabled, on.failures_in_row, on.disabled_reason) == (True, 0, None)
    await fail(ansel, flickr, DISABLE_AFTER - 1)
    assert (await hourly(ansel)).enabled


async def test_the_slots_of_a_schedule_that_failures_switched_off_are_accounted_for_with_the_reason(
    ansel: Ansel, flickr: Flickr
) -> None:
    await fail(ansel, flickr, DISABLE_AFTER)
    clock = ansel.worker.clock
    assert isinstance(clock, FakeClock)
    clock.advance(HOUR)
    await ansel.worker.drain()
    last = (await rows(ansel))[-1]
    assert (last.outcome, last.frequency) == (Outcome.PAUSED, Frequency.HOURLY)
    assert (last.message or "").startswith("the schedule was switched off: 10 runs in a row failed, the last with ")


async def test_another_cron_forgets_no_failures_and_switching_on_what_is_on_does(ansel: Ansel, flickr: Flickr) -> None:
    await fail(ansel, flickr, WARN_AFTER)
    changed = await ansel.scheduler.schedule_sync("flickr", "hourly", cron="7 * * * *")
    assert changed.failures_in_row == WARN_AFTER
    assert (await ansel.scheduler.schedule_sync("flickr", "hourly", enabled=True)).failures_in_row == 0


async def test_a_token_that_is_refused_pauses_the_connection_and_counts_for_no_schedule(
    ansel: Ansel, flickr: Flickr
) -> None:
    flickr.scripts = [[AuthFailure("The token is no longer good.")]]
    await ansel.scheduler.run_sync_now("flickr", "hourly")
    await ansel.worker.drain()
    assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.EXPIRED
    assert (await hourly(ansel)).failures_in_row == 0
