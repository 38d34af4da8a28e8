"""What may not be, one change at a time: each function tells what is wrong with the one that it is shown."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from anselai.domain import retry
from anselai.domain.errors import LeaseLost
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import CATCH_UP_LIMIT, MISFIRE_GRACE, CatchUp, SyncSchedule
from anselai.domain.sync_job import JobState, Outcome, SyncJob
from tests.simulation.stories import Story
from tests.simulation.timetable import RememberingTimetable

LEGAL = {
    JobState.QUEUED: {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED},
    JobState.RUNNING: {*JobState},
}


def of_change(story: Story, old: SyncJob, new: SyncJob, now: datetime) -> Iterator[str]:
    """A job that changed."""
    if new.state not in LEGAL.get(old.state, set()):
        yield f"{old.state} became {new.state}"
    if new.fence < old.fence or new.records < old.records:
        yield "its fence or its records went back"
    if new.cursor != old.cursor and old.state is not JobState.RUNNING:
        yield "its cursor moved while nobody ran it"
    if new.failures > retry.ATTEMPTS or new.partial_failures > retry.ATTEMPTS_WITH_PROGRESS:
        yield "more failures than its budget"
    match old.state, new.state:
        case JobState.QUEUED, JobState.RUNNING:
            yield from _of_claim(old, new, now)
        case JobState.QUEUED, JobState.QUEUED:
            limit = story.rate_limited_until
            if limit is not None and new.run_after < min(old.run_after, limit):
                yield "brought forward although a rate limit made it wait"
        case JobState.RUNNING, JobState.QUEUED | JobState.FAILED:
            if new.last_error_code == LeaseLost.code and (old.lease_expires_at or now) > now:
                yield "taken back although its lease lives"


def _of_claim(old: SyncJob, new: SyncJob, now: datetime) -> Iterator[str]:
    if old.run_after > now:
        yield f"claimed before its time {old.run_after}"
    if (new.fence, new.attempt) != (old.fence + 1, old.attempt + 1):
        yield "a claim without a new fence or attempt"


def of_retry(job: SyncJob, row: LogEntry) -> Iterator[str]:
    """A failed attempt that is followed by another one."""
    wait = job.run_after - row.logged_at
    longest = retry.LONGEST_RATE_LIMIT if row.error_class == "rate_limited" else retry.LONGEST_DELAY
    if not timedelta() <= wait <= longest:
        yield f"waits {wait} after {row.error_class}"


def of_run(schedule: SyncSchedule, slot: datetime, read_at: datetime) -> Iterator[str]:
    """A slot that became a run: when it runs late, then as its schedule wants it, seen from when the plan was read."""
    if not schedule.enabled:
        yield "run although its schedule is off"
    if schedule.catch_up is CatchUp.SKIP and read_at - slot > MISFIRE_GRACE:
        yield f"run {read_at - slot} late in spite of {schedule.catch_up}"
    later, behind = slot, 0
    while later <= read_at and behind <= CATCH_UP_LIMIT:
        later = RememberingTimetable().next_after(schedule.frequency, schedule.cron, schedule.timezone, later)
        behind += 1
    if behind > (CATCH_UP_LIMIT if schedule.catch_up is CatchUp.ALL else 1):
        yield f"run {behind} slots behind in spite of {schedule.catch_up}"


def of_catching_up(schedule: SyncSchedule, row: LogEntry) -> Iterator[str]:
    """Slots that were not run."""
    is_odd = {
        Outcome.COALESCED: schedule.catch_up is not CatchUp.LATEST,
        Outcome.MISSED: schedule.catch_up is CatchUp.LATEST,
    }
    if is_odd.get(row.outcome, False):
        yield f"told as {row.outcome} in spite of {schedule.catch_up}"
