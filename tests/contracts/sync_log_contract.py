"""What every SyncLog has to do."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.ports.sync_log import ApiError, LogEntry, LogQuery
from anselai.domain.schedule import SlotRange
from anselai.domain.sync_job import AttemptResult, Outcome, Trigger
from tests.contracts.stores import BROKEN, ELSEWHERE, HOUR, META, MINUTE, OTHER_STUDIO, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, a_schedule, some_id

API_ERROR = ApiError(
    studio="default",
    route="/api/connections/{platform}",
    code="CONNECTION_NOT_FOUND",
    message="google is not connected.",
    request_id="request-1",
)
QUERY = LogQuery(studio="default", limit=100)


class QueryingContract:
    async def test_rows_come_newest_first_with_growing_ids(self, stores: Stores) -> None:
        await stores.connect()
        jobs = [(await stores.finished()).job.id for _ in range(3)]
        rows = await stores.sync_log.query(QUERY)
        assert [row.job_id for row in rows] == jobs[::-1]
        assert rows[0].id > rows[1].id > rows[2].id
        assert rows[0].logged_at >= rows[1].logged_at >= rows[2].logged_at

    async def test_pages_follow_each_other_without_gap_or_repetition(self, stores: Stores) -> None:
        await _log_slots(stores, count=7)
        everything = list(await stores.sync_log.query(QUERY))
        assert len(everything) == 7
        pages: list[Sequence[LogEntry]] = []
        before: int | None = None
        for _ in range(3):
            pages.append(await stores.sync_log.query(replace(QUERY, limit=3, before_id=before)))
            before = pages[-1][-1].id
        assert await stores.sync_log.query(replace(QUERY, limit=3, before_id=before)) == []
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [row for page in pages for row in page] == everything

    async def test_rows_that_come_while_one_pages_do_not_disturb_the_pages(self, stores: Stores) -> None:
        await _log_slots(stores, count=4)
        everything = await stores.sync_log.query(QUERY)
        first = await stores.sync_log.query(replace(QUERY, limit=2))
        await stores.sync_log.record_api_error(API_ERROR)
        second = await stores.sync_log.query(replace(QUERY, limit=2, before_id=first[-1].id))
        assert [*first, *second] == list(everything)

    async def test_a_studio_sees_only_its_own_rows(self, stores: Stores) -> None:
        for key in (GOOGLE, ELSEWHERE):
            await stores.connect(key)
            await stores.finished(key)
        [row] = await stores.sync_log.query(replace(QUERY, studio=OTHER_STUDIO))
        assert row.studio == OTHER_STUDIO
        assert await stores.sync_log.query(replace(QUERY, studio="nowhere")) == []

    async def test_rows_can_be_asked_for_by_platform_outcome_and_trigger(self, stores: Stores) -> None:
        await _log_slots(stores, GOOGLE)
        await _log_slots(stores, META)
        manual = await stores.finished(META, Outcome.FAILED)
        await stores.finished(GOOGLE, Outcome.FAILED)
        await stores.sync_log.record_api_error(API_ERROR)
        assert len(await stores.sync_log.query(QUERY)) == 5
        assert len(await stores.sync_log.query(replace(QUERY, platform="meta"))) == 2
        assert len(await stores.sync_log.query(replace(QUERY, outcome=Outcome.FAILED))) == 2
        assert len(await stores.sync_log.query(replace(QUERY, trigger=Trigger.SCHEDULE))) == 2
        assert len(await stores.sync_log.query(replace(QUERY, trigger=Trigger.API))) == 1
        [only] = await stores.sync_log.query(
            replace(QUERY, platform="meta", outcome=Outcome.FAILED, trigger=Trigger.MANUAL)
        )
        assert only.job_id == manual.job.id

    async def test_rows_can_be_asked_for_by_frequency(self, stores: Stores) -> None:
        await _log_slots(stores)
        hourly = await stores.finished(frequency=Frequency.HOURLY)
        weekly = await stores.finished(frequency=Frequency.WEEKLY)
        await stores.sync_log.record_api_error(API_ERROR)
        rows = await stores.sync_log.query(replace(QUERY, frequency=Frequency.HOURLY))
        assert [row.job_id for row in rows] == [hourly.job.id, None]
        [row] = await stores.sync_log.query(replace(QUERY, platform="google", frequency=Frequency.WEEKLY, limit=1))
        assert row.job_id == weekly.job.id
        assert await stores.sync_log.query(replace(QUERY, frequency=Frequency.DAILY)) == []

    async def test_rows_can_be_asked_for_from_an_instant_until_before_another(self, stores: Stores) -> None:
        await stores.connect()
        for _ in range(3):
            await stores.finished()
            stores.pass_time(HOUR)
        newest, middle, oldest = await stores.sync_log.query(QUERY)
        since = replace(QUERY, since=middle.logged_at)
        assert await stores.sync_log.query(since) == [newest, middle]
        until = replace(QUERY, until=middle.logged_at)
        assert await stores.sync_log.query(until) == [oldest]
        both = replace(QUERY, since=oldest.logged_at, until=newest.logged_at)
        assert await stores.sync_log.query(both) == [middle, oldest]

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_name_that_no_store_can_hold_is_refused_without_being_quoted(
        self, stores: Stores, broken: str
    ) -> None:
        for ask in (
            stores.sync_log.query(replace(QUERY, platform=f"google{broken}")),
            stores.sync_log.query(replace(QUERY, studio=f"default{broken}")),
            stores.sync_log.attempts(f"default{broken}", some_id()),
            stores.sync_log.last_runs(f"default{broken}"),
        ):
            with pytest.raises(InvalidInput) as refused:
                await ask
            assert broken not in str(refused.value)
            assert "google" not in str(refused.value)


class AttemptsContract:
    async def test_the_attempts_of_a_job_come_oldest_first(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        for outcome in (Outcome.RETRYING, Outcome.RELEASED, Outcome.SUCCEEDED):
            current = await stores.jobs.get("default", job.id)
            await stores.jobs.finish([AttemptResult(lease=current.lease, outcome=outcome)])
            await stores.claim()
        rows = await stores.sync_log.attempts("default", job.id)
        assert [row.outcome for row in rows] == [Outcome.RETRYING, Outcome.RELEASED, Outcome.SUCCEEDED]
        assert [row.attempt for row in rows] == [1, 2, 3]

    async def test_other_jobs_are_not_among_them(self, stores: Stores) -> None:
        await stores.connect()
        first, second = (await stores.finished()).job, (await stores.finished()).job
        assert [row.job_id for row in await stores.sync_log.attempts("default", first.id)] == [first.id]
        assert [row.job_id for row in await stores.sync_log.attempts("default", second.id)] == [second.id]
        assert await stores.sync_log.attempts("default", some_id()) == []

    async def test_another_studio_does_not_see_them(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.finished()).job
        assert await stores.sync_log.attempts(OTHER_STUDIO, job.id) == []


class LastRunsContract:
    async def test_the_newest_finished_attempt_of_each_platform_and_frequency(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        newest: set[object] = set()
        for key in (GOOGLE, META):
            for frequency in (Frequency.HOURLY, Frequency.DAILY):
                older, newer = [(await stores.finished(key, frequency=frequency)).job.id for _ in range(2)]
                assert older != newer
                newest.add((key.platform, frequency, newer))
        rows = await stores.sync_log.last_runs("default")
        assert {(row.platform, row.frequency, row.job_id) for row in rows} == newest
        assert len(rows) == 4

    async def test_attempts_that_were_stalled_or_are_repeated_count(self, stores: Stores) -> None:
        for key, outcome in ((GOOGLE, Outcome.STALLED), (META, Outcome.RETRYING)):
            await stores.connect(key)
            await stores.finished(key, outcome)
            await stores.claim()
        rows = await stores.sync_log.last_runs("default")
        assert {(row.platform, row.outcome) for row in rows} == {
            ("google", Outcome.STALLED),
            ("meta", Outcome.RETRYING),
        }

    async def test_rows_that_are_no_finished_attempt_do_not_count(self, stores: Stores) -> None:
        await stores.connect()
        succeeded = (await stores.finished()).job
        running = (await stores.running(lease=MINUTE)).job
        await stores.jobs.finish([AttemptResult(lease=running.lease, outcome=Outcome.RELEASED)])
        await stores.claim(lease=MINUTE)
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        [again] = await stores.claim()
        await stores.jobs.finish([AttemptResult(lease=again.job.lease, outcome=Outcome.CANCELLED)])
        await stores.sync_log.record_api_error(API_ERROR)
        assert len(await stores.log()) == 5
        assert [row.job_id for row in await stores.sync_log.last_runs("default")] == [succeeded.id]

    async def test_a_studio_sees_only_its_own_runs(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        await stores.finished(ELSEWHERE)
        assert await stores.sync_log.last_runs("default") == []
        assert len(await stores.sync_log.last_runs(OTHER_STUDIO)) == 1

    async def test_where_nothing_ran_there_are_none(self, stores: Stores) -> None:
        await _log_slots(stores)
        assert await stores.sync_log.last_runs("default") == []


class ApiErrorsContract:
    async def test_an_api_error_is_a_row_of_its_own_kind(self, stores: Stores) -> None:
        await stores.sync_log.record_api_error(API_ERROR)
        [row] = await stores.log()
        assert (row.trigger, row.outcome, row.count) == (Trigger.API, Outcome.API_ERROR, 1)
        assert (row.route, row.error_code, row.message) == (API_ERROR.route, API_ERROR.code, API_ERROR.message)
        assert (row.request_id, row.platform, row.frequency, row.job_id) == ("request-1", None, None, None)

    async def test_equal_errors_within_a_minute_are_one_row_with_a_count(self, stores: Stores) -> None:
        rows = await _within_one_minute(
            stores, [API_ERROR, replace(API_ERROR, message="again", request_id="request-2")]
        )
        assert [row.count for row in rows] == [2]
        assert (rows[0].message, rows[0].request_id) == (API_ERROR.message, API_ERROR.request_id)

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_character_that_no_store_can_hold_is_replaced(self, stores: Stores, broken: str) -> None:
        given = replace(API_ERROR, message=f"It said {broken}.", code=f"CODE{broken}", request_id=f"{broken}7")
        rows = await _within_one_minute(stores, [given, replace(given, code="CODE\ufffd")])
        assert [(row.message, row.error_code, row.request_id) for row in rows] == [
            ("It said \ufffd.", "CODE\ufffd", "\ufffd7")
        ]
        assert [row.count for row in rows] == [2]

    async def test_errors_that_were_counted_before_they_came_add_their_number(self, stores: Stores) -> None:
        rows = await _within_one_minute(stores, [replace(API_ERROR, count=n) for n in (3, 40)])
        assert [row.count for row in rows] == [43]

    async def test_equal_errors_at_once_are_all_counted(self, stores: Stores) -> None:
        await asyncio.gather(*(stores.sync_log.record_api_error(API_ERROR) for _ in range(20)))
        assert sum(row.count for row in await stores.log()) == 20

    async def test_another_studio_route_or_code_is_another_row(self, stores: Stores) -> None:
        for error in (
            API_ERROR,
            replace(API_ERROR, studio=OTHER_STUDIO),
            replace(API_ERROR, route="/api/platforms"),
            replace(API_ERROR, code="UNKNOWN_PLATFORM"),
        ):
            await stores.sync_log.record_api_error(error)
        assert [row.count for row in await stores.log()] == [1, 1, 1]
        assert [row.count for row in await stores.log(OTHER_STUDIO)] == [1]

    async def test_the_next_minute_has_a_row_of_its_own(self, stores: Stores) -> None:
        await stores.sync_log.record_api_error(API_ERROR)
        stores.pass_time(MINUTE)
        await stores.sync_log.record_api_error(API_ERROR)
        assert [row.count for row in await stores.log()] == [1, 1]

    async def test_a_row_keeps_its_place_when_it_is_counted_up(self, stores: Stores) -> None:
        other = replace(API_ERROR, code="OTHER")
        rows = await _within_one_minute(stores, [API_ERROR, other, API_ERROR])
        assert [(row.error_code, row.count) for row in rows] == [("OTHER", 1), (API_ERROR.code, 2)]

    async def test_rows_that_were_counted_up_are_pruned_like_any(self, stores: Stores) -> None:
        await stores.sync_log.record_api_error(API_ERROR)
        stores.pass_time(HOUR)
        assert await stores.jobs.prune(MINUTE, MINUTE, 100) == 1
        await stores.sync_log.record_api_error(API_ERROR)
        assert [row.count for row in await stores.log()] == [1]


async def _within_one_minute(stores: Stores, errors: list[ApiError]) -> list[LogEntry]:
    """The rows of these errors; once more if a minute ended while they were recorded."""
    while True:
        began = await stores.now()
        for error in errors:
            await stores.sync_log.record_api_error(error)
        ended = await stores.now()
        if began.replace(second=0, microsecond=0) == ended.replace(second=0, microsecond=0):
            return list(await stores.log())
        stores.pass_time(HOUR)
        await stores.jobs.prune(MINUTE, MINUTE, 100)


async def _log_slots(stores: Stores, key: ConnectionKey = GOOGLE, *, count: int = 1) -> None:
    """Connect, and log so many slots that did not run."""
    await stores.connect(key, a_schedule(key))
    slots = [NOON - timedelta(hours=hours) for hours in range(count)]
    accounted = [SlotRange(outcome=Outcome.MISSED, first=each, last=each, count=1, reason="down") for each in slots]
    schedule = await stores.schedules.get(key, Frequency.HOURLY)
    assert await stores.schedules.commit([stores.plan(schedule, *accounted, run=False)]) == 1
