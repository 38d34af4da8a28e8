"""What comes of a sync, whatever a platform client does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import AuthFailure, PermanentFailure, RateLimited, TransientFailure, UnknownPlatform
from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.platform_client import Batch, FetchRequest
from anselai.domain.sync_job import AttemptResult, JobState, Outcome, Trigger
from tests.fakes import FakeClock
from tests.unit.scripted_flickr import HOUR, NOW, Flickr, metric, rows


class SpoiltError(Exception):
    """Its own text cannot be had."""

    def __str__(self) -> str:
        raise ValueError


@dataclass(slots=True)
class RefusesOne:
    """A queue that cannot store a failure: as if a value of it did not fit."""

    jobs: SyncJobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jobs, name)

    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        if any(each.outcome is Outcome.FAILED for each in results):
            raise TypeError("a value does not fit")
        return await self.jobs.finish(results)


class OneBatch:
    def __init__(self) -> None:
        self.left = 1

    def __aiter__(self) -> "OneBatch":
        return self

    async def __anext__(self) -> Batch:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return Batch(simulated=True)


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
async def ansel(flickr: Flickr, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        await opened.connections.save_connection(
            "flickr", access_token="access-1", refresh_token="refresh-1", token_expires_at=NOW + timedelta(days=30)
        )
        yield opened


async def test_a_manual_sync_runs_and_is_logged(ansel: Ansel) -> None:
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    job = await ansel.scheduler.get_job(queued.id)
    [row] = job.attempts
    assert (job.state, job.trigger, job.attempt) == (JobState.SUCCEEDED, Trigger.MANUAL, 1)
    assert (row.outcome, row.simulated, row.records, row.attempt) == (Outcome.SUCCEEDED, True, 0, 1)
    assert (await ansel.connections.get_connection("flickr")).last_sync_at == NOW


async def test_a_due_slot_runs_by_itself_and_once(ansel: Ansel, clock: FakeClock) -> None:
    due_at = await ansel.scheduler.get_next_sync("flickr", "hourly")
    assert due_at is not None
    clock.advance(due_at - NOW)
    assert await ansel.worker.drain() >= 1
    assert await ansel.worker.drain() == 0
    hourly = [row for row in await rows(ansel) if row.frequency == "hourly"]
    assert [(row.outcome, row.slot_at, row.trigger) for row in hourly] == [
        (Outcome.SUCCEEDED, due_at, Trigger.SCHEDULE)
    ]
    assert await ansel.scheduler.get_next_sync("flickr", "hourly") == due_at + HOUR


async def test_a_paused_schedule_lets_its_slots_pass_and_says_so(ansel: Ansel, clock: FakeClock) -> None:
    await ansel.scheduler.schedule_sync("flickr", "hourly", enabled=False)
    clock.advance(2 * HOUR)
    await ansel.worker.drain()
    [row] = [row for row in await rows(ansel) if row.frequency == "hourly"]
    assert (row.outcome, row.count) == (Outcome.PAUSED, 2)
    assert await ansel.scheduler.get_next_sync("flickr", "hourly") is None
    await ansel.scheduler.schedule_sync("flickr", "hourly")
    next_sync = await ansel.scheduler.get_next_sync("flickr", "hourly")
    assert next_sync is not None
    assert next_sync > clock.now()


async def test_changing_a_cron_accounts_for_the_slots_that_were_due(ansel: Ansel, clock: FakeClock) -> None:
    clock.advance(3 * HOUR)
    view = await ansel.scheduler.schedule_sync("flickr", "hourly", cron="30 * * * *", timezone="Asia/Kathmandu")
    assert view.next_run_at == datetime(2026, 11, 23, 15, 45, tzinfo=UTC)  # half past in a zone of +05:45
    [coalesced] = [row for row in await rows(ansel) if row.frequency == "hourly"]
    assert (coalesced.outcome, coalesced.count) == (Outcome.COALESCED, 2)


async def test_changing_a_cron_accounts_for_slots_that_waited_to_be_caught_up_with(
    ansel: Ansel, clock: FakeClock
) -> None:
    await ansel.scheduler.schedule_sync("flickr", "hourly", catch_up="all")
    clock.advance(5 * HOUR)
    while await ansel.scheduler.planner.tick():
        pass  # the first slot is a job now, and the others wait for it
    await ansel.scheduler.schedule_sync("flickr", "hourly", cron="30 * * * *")
    await ansel.worker.drain()
    fates = [(row.outcome, row.count) for row in await rows(ansel) if row.frequency == "hourly"]
    assert fates == [(Outcome.PAUSED, 4), (Outcome.SUCCEEDED, 1)]


async def test_a_sync_resumes_after_the_last_batch_that_was_stored(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    page_1 = Batch(records=[metric(1)], cursor="page-2", has_more=True)
    page_2 = Batch(records=[metric(2), metric(3)], cursor="page-3")
    flickr.scripts = [[page_1, TransientFailure("503")], [page_2]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    clock.advance(timedelta(minutes=1))
    await ansel.worker.drain()
    job = await ansel.scheduler.get_job(queued.id)
    assert flickr.cursors[:2] == [None, "page-2"]
    assert [(row.outcome, row.records) for row in job.attempts] == [(Outcome.RETRYING, 1), (Outcome.SUCCEEDED, 2)]
    assert (job.state, job.records) == (JobState.SUCCEEDED, 3)


async def test_a_cursor_that_stands_still_is_stalled_and_never_a_success(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[Batch(cursor="page-2", has_more=True)] * 2]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    job = await ansel.scheduler.get_job(queued.id)
    assert (job.state, job.attempts[0].outcome, job.error_code) == (JobState.FAILED, Outcome.STALLED, "SYNC_STALLED")


@pytest.mark.parametrize(
    ("trouble", "outcome", "error_class", "status"),
    [
        (TransientFailure("503"), Outcome.RETRYING, "transient", ConnectionStatus.ACTIVE),
        (RateLimited("slow down"), Outcome.RETRYING, "rate_limited", ConnectionStatus.ACTIVE),
        (PermanentFailure("no such account"), Outcome.FAILED, "permanent", ConnectionStatus.ERROR),
        (ZeroDivisionError("division by zero"), Outcome.FAILED, "bug", ConnectionStatus.ERROR),
    ],
)
async def test_each_failure_has_its_class_and_its_consequence(
    ansel: Ansel, flickr: Flickr, trouble: Exception, outcome: Outcome, error_class: str, status: ConnectionStatus
) -> None:
    flickr.scripts = [[trouble]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert (row.outcome, row.error_class) == (outcome, error_class)
    assert (await ansel.connections.get_connection("flickr")).status is status


NONSENSE: list[Any] = [
    None,
    "a batch",
    Batch(records=cast("Any", ["no record"])),
    Batch(cursor=cast("Any", 7)),
    Batch(records=[metric(1)], cursor="a", has_more=True),  # and nothing comes after it
    Batch(api_calls=cast("Any", 1.5)),
    Batch(api_calls=2**40),
    Batch(api_calls=-1),
    Batch(simulated=cast("Any", "yes")),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_from_a_client_is_its_bug_and_not_ours(ansel: Ansel, flickr: Flickr, nonsense: Batch) -> None:
    flickr.scripts = [[nonsense]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert (row.outcome, row.error_class, row.error_code) == (Outcome.FAILED, "bug", "PLATFORM_CLIENT_BUG")


async def test_a_failure_is_told_without_the_token_and_without_control_characters(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[RuntimeError("boom\x00 access-1\n refresh-1 \ud800")]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert row.message == "The platform client failed with RuntimeError: boom  ***  ***  "


async def test_one_result_that_cannot_be_stored_does_not_hold_up_the_others(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[Batch(), SpoiltError()], [Batch(simulated=True)]]
    await ansel.scheduler.run_sync_now("flickr", "hourly")
    await ansel.scheduler.run_sync_now("flickr", "weekly")
    worker = ansel.worker
    worker.writer.jobs = cast("SyncJobs", RefusesOne(worker.jobs))
    for claimed in await worker.jobs.claim(worker.id, 10, worker.limits.lease):
        worker.start(claimed)
    await worker.drain()
    assert [row.outcome for row in await rows(ansel)] == [Outcome.SUCCEEDED]


async def test_a_rate_limit_in_plain_seconds_is_understood(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[RateLimited("slow down", retry_after=90)]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert (await ansel.scheduler.get_job(queued.id)).run_after == NOW + timedelta(seconds=90)


async def test_new_tokens_are_not_undone_by_a_run_that_had_the_old_ones(ansel: Ansel, flickr: Flickr) -> None:
    async def reconnected() -> None:
        await ansel.connections.update_connection("flickr", access_token="access-2", refresh_token=None)

    flickr.scripts = [[reconnected, AuthFailure("401")], [AuthFailure("401")]]
    await ansel.scheduler.run_sync_now("flickr", "hourly")
    await ansel.worker.drain()
    assert flickr.tokens == ["access-1", "access-2"]  # the refused one was replaced already, so the new one was tried
    flickr.scripts = [[reconnected, PermanentFailure("404")]]
    await ansel.connections.update_connection("flickr", access_token="access-1")
    await ansel.scheduler.run_sync_now("flickr", "weekly")
    await ansel.worker.drain()
    assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.ACTIVE


async def test_an_iterator_that_is_no_generator_is_as_good(clock: FakeClock) -> None:
    class Listed(Flickr):
        def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
            return OneBatch()

    async with open_in_memory(plugins=[Listed()], clock=clock) as ansel:
        await ansel.connections.save_connection("flickr", access_token="token")
        await ansel.scheduler.run_sync_now("flickr")
        await ansel.worker.drain()
        assert [row.outcome for row in await rows(ansel)] == [Outcome.SUCCEEDED]


async def test_a_client_that_cancels_itself_is_told_as_its_bug(ansel: Ansel, flickr: Flickr) -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    flickr.scripts = [[cancels_itself]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert (row.outcome, row.error_class) == (Outcome.FAILED, "bug")


async def test_a_schedule_that_cannot_be_planned_is_switched_off_and_the_others_go_on(
    ansel: Ansel, clock: FakeClock
) -> None:
    schedules = ansel.scheduler.schedules
    broken = await schedules.get(ConnectionKey("default", "flickr"), Frequency.HOURLY)
    await schedules.save(replace(broken, timezone="Mars/Olympus", next_slot_at=NOW))
    clock.advance(timedelta(days=7))
    await ansel.worker.drain()
    [platform] = (await ansel.scheduler.status()).platforms
    hourly, daily, _ = (each.schedule for each in platform.schedules)
    assert (hourly.enabled, daily.enabled) == (False, True)
    assert "could not be computed" in (hourly.disabled_reason or "")
    assert {row.frequency for row in await rows(ansel) if row.outcome is Outcome.SUCCEEDED} == {"daily", "weekly"}


async def test_a_rate_limit_waits_as_told_and_pressing_the_button_does_not_shorten_it(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    flickr.scripts = [[RateLimited("slow down", retry_after=timedelta(minutes=7))]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    again = await ansel.scheduler.run_sync_now("flickr")
    assert (again.deduplicated, again.run_after) == (True, NOW + timedelta(minutes=7))
    clock.advance(timedelta(minutes=7))
    await ansel.worker.drain()
    assert (await ansel.scheduler.get_job(again.id)).state is JobState.SUCCEEDED


async def test_a_token_near_its_end_is_refreshed_before_the_platform_is_called(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    clock.advance(timedelta(days=30) - timedelta(minutes=2))
    await ansel.scheduler.schedule_sync("flickr", "hourly", enabled=False)
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert set(flickr.tokens) == {"renewed"}


async def test_a_refused_token_gets_one_refresh_and_the_run_goes_on(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[AuthFailure("401")], [Batch(records=[metric(1)], cursor="end")]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert flickr.tokens == ["access-1", "renewed"]
    assert (await ansel.scheduler.get_job(queued.id)).state is JobState.SUCCEEDED


async def test_neither_the_old_token_nor_the_new_one_is_told(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[AuthFailure("401")], [PermanentFailure("404 for access-1, and for renewed")]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert flickr.tokens == ["access-1", "renewed"]
    assert [row.message for row in await rows(ansel)] == ["404 for ***, and for ***"]


async def test_a_connection_whose_fresh_token_is_refused_expires_and_its_schedules_pause_until_it_is_reconnected(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    flickr.scripts = [[AuthFailure("401")], [AuthFailure("401 again")]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    view = await ansel.connections.get_connection("flickr")
    assert (view.status, view.last_error) == (ConnectionStatus.EXPIRED, "401 again")
    clock.advance(HOUR)
    await ansel.worker.drain()
    assert (await rows(ansel))[-1].outcome is Outcome.PAUSED
    await ansel.connections.update_connection("flickr", access_token="access-2")
    clock.advance(HOUR)
    await ansel.worker.drain()
    assert (await rows(ansel))[-1].outcome is Outcome.SUCCEEDED


async def test_an_expired_token_without_a_refresh_token_calls_no_platform(flickr: Flickr, clock: FakeClock) -> None:
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await ansel.connections.save_connection("flickr", access_token="old", token_expires_at=NOW - HOUR)
        await ansel.scheduler.run_sync_now("flickr")
        await ansel.worker.drain()
        [row] = await rows(ansel)
    assert (row.outcome, row.error_class) == (Outcome.FAILED, "auth")
    assert flickr.tokens == []


async def test_a_platform_that_was_uninstalled_fails_its_jobs_and_says_so(clock: FakeClock, flickr: Flickr) -> None:
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await ansel.connections.save_connection("flickr", access_token="token")
        await ansel.scheduler.run_sync_now("flickr")
        platforms = ansel.worker.runner.platforms
        platforms.clients.clear()  # type: ignore[attr-defined]
        await ansel.worker.drain()
        [row] = await rows(ansel)
    assert (row.outcome, row.error_code) == (Outcome.FAILED, "UNKNOWN_PLATFORM")


async def test_a_connection_whose_platform_was_uninstalled_can_be_paused_resumed_and_cancelled(
    clock: FakeClock, flickr: Flickr
) -> None:
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await ansel.connections.save_connection("flickr", access_token="token")
        await ansel.scheduler.run_sync_now("flickr")
        ansel.worker.runner.platforms.clients.clear()  # type: ignore[attr-defined]
        assert len(await ansel.scheduler.cancel("flickr")) == 1
        assert all(each.changed for each in await ansel.scheduler.pause("flickr"))
        assert all(each.changed for each in await ansel.scheduler.resume("flickr"))
        with pytest.raises(UnknownPlatform):
            await ansel.scheduler.pause("nothing")


async def test_a_job_that_comes_back_to_the_same_worker_ends_the_run_that_lost_its_lease(
    ansel: Ansel, flickr: Flickr, clock: FakeClock
) -> None:
    cancelled = asyncio.Event()

    async def frozen() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    flickr.scripts = [[frozen], [Batch(records=[metric(1)], cursor="end")]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    worker = ansel.worker
    [claimed] = await worker.jobs.claim(worker.id, 1, worker.limits.lease)
    worker.start(claimed)
    await asyncio.sleep(0)
    clock.advance(worker.limits.lease + timedelta(seconds=1))
    assert await worker.jobs.reclaim(10) == 1
    await worker.drain()
    job = await ansel.scheduler.get_job(queued.id)
    assert [row.outcome for row in job.attempts] == [Outcome.ABANDONED, Outcome.SUCCEEDED]
    assert cancelled.is_set()
    assert not worker.running.stuck
