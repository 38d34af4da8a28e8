"""Sees every change of the store as it happens, and knows which may not be."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anselai.adapters.memory.log_book import LogBook
from anselai.adapters.memory.store import MemoryStore, Rhythm
from anselai.domain import retry
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.errors import LeaseLost
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import CATCH_UP_LIMIT, CatchUp, SyncSchedule
from anselai.domain.sync_job import AttemptResult, JobLease, JobState, Outcome, SyncJob
from tests.simulation.stories import Era, Story
from tests.simulation.timetable import RememberingTimetable
from tests.simulation.virtual_time import StoreClock

FINAL = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.STALLED, Outcome.CANCELLED})
UNRUN = frozenset({Outcome.OVERLAPPED, Outcome.MISSED, Outcome.COALESCED, Outcome.PAUSED})
LEGAL = {
    JobState.QUEUED: {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED},
    JobState.RUNNING: {*JobState},
}


@dataclass(slots=True, kw_only=True)
class Witness:
    """`broken` holds a sentence for each promise that was seen broken. It changes nothing and prevents nothing."""

    clock: StoreClock
    broken: list[str] = field(default_factory=list)
    trace: "deque[tuple[datetime, str, str, Any]]" = field(default_factory=lambda: deque(maxlen=50_000))
    eras: list[Era] = field(default_factory=list)
    current: dict[Rhythm, Era] = field(default_factory=dict)
    stories: dict[UUID, Story] = field(default_factory=dict)
    active: dict[Rhythm, UUID] = field(default_factory=dict)
    last_active_at: dict[Rhythm, datetime] = field(default_factory=dict)
    last_paused_at: dict[Rhythm, datetime] = field(default_factory=dict)
    last_expired_at: dict[ConnectionKey, datetime] = field(default_factory=dict)
    read_at: datetime | None = None  # when the plans that are being committed were read

    def note(self, who: str, what: str, about: Any = None) -> None:
        self.trace.append((self.clock.now(), who, what, about))

    def accuse(self, sentence: str) -> None:
        self.broken.append(f"{self.clock.now():%Y-%m-%d %H:%M:%S.%f}: {sentence}")

    def connection_put(self, old: PlatformConnection | None, new: PlatformConnection) -> None:
        if ConnectionStatus.EXPIRED in (new.status, old.status if old is not None else None):
            self.last_expired_at[new.key] = self.clock.now()

    # Schedules

    def schedule_put(self, old: SyncSchedule | None, new: SyncSchedule) -> None:
        rhythm, now = (new.key, new.frequency), self.clock.now()
        if old is not None and (old.cron, old.timezone) == (new.cron, new.timezone):
            if new.next_slot_at < old.next_slot_at:
                self.accuse(f"the next slot of {rhythm} went back by itself: {old.next_slot_at} -> {new.next_slot_at}")
        else:
            self.schedule_dropped(old, rhythm, "another cron")
            era = Era(rhythm=rhythm, cron=new.cron, timezone=new.timezone, first=new.next_slot_at, began_at=now)
            self.eras.append(era)
            self.current[rhythm] = era
        if not new.enabled or (old is not None and not old.enabled):
            self.last_paused_at[rhythm] = now

    def schedule_dropped(self, old: SyncSchedule | None, rhythm: Rhythm, why: str) -> None:
        era = self.current.pop(rhythm, None)
        if era is not None and old is not None:
            era.ended_at, era.ended_by, era.planned_to = self.clock.now(), why, old.next_slot_at

    # Jobs

    def job_put(self, store: MemoryStore, old: SyncJob | None, new: SyncJob) -> None:
        now = self.clock.now()
        rhythm = (new.key, new.frequency)
        if old is None:
            self._job_added(store, rhythm, new)
            return
        story = self.stories[new.id]
        story.job = new
        for fault in _faults(story, old, new, now):
            self.accuse(f"job {new.id.int & 0xFFFFFF}: {fault}")
        if new.state is not JobState.RUNNING:
            story.holder = None
        elif old.state is JobState.QUEUED:
            story.rate_limited_until = None
        if not new.is_active:
            self.active.pop(rhythm, None)
            self.last_active_at[rhythm] = now

    def _job_added(self, store: MemoryStore, rhythm: Rhythm, new: SyncJob) -> None:
        era = self.current.get(rhythm) if new.slot_at is not None else None
        if rhythm in self.active:
            self.accuse(f"{rhythm}: a second active job")
        self.active[rhythm] = new.id
        if new.slot_at is not None:
            if era is None:
                self.accuse(f"{rhythm}: a job for the slot {new.slot_at} of no schedule")
            elif new.slot_at in era.jobs:
                self.accuse(f"{rhythm}: the slot {new.slot_at} became a job twice")
            else:
                era.jobs[new.slot_at] = new.id
                self._caught_up(store.schedules[rhythm], new.slot_at)
        self.stories[new.id] = Story(era=era, slot_at=new.slot_at, job=new)

    def _caught_up(self, schedule: SyncSchedule, slot: datetime) -> None:
        """A slot that runs late does so as its schedule wants it, seen from when its plan was read."""
        read_at, later = self.read_at or self.clock.now(), 0
        while slot <= read_at and later <= CATCH_UP_LIMIT:
            slot = RememberingTimetable().next_after(schedule.frequency, schedule.cron, schedule.timezone, slot)
            later += 1
        if later > (CATCH_UP_LIMIT if schedule.catch_up is CatchUp.ALL else 1):
            self.accuse(
                f"{schedule.key} {schedule.frequency}: {later} slots behind, and run in spite of {schedule.catch_up}"
            )

    # The log

    def row_added(self, store: MemoryStore, row: LogEntry) -> None:
        if row.job_id is not None:
            self._attempt_row(row)
        elif row.outcome in UNRUN:
            self._slots_row(store, row)

    def _attempt_row(self, row: LogEntry) -> None:
        assert row.job_id is not None
        story = self.stories[row.job_id]
        if any(each.outcome in FINAL for each in story.rows):
            self.accuse(f"job {row.job_id.int & 0xFFFFFF}: a row {row.outcome} after its end")
        story.rows.append(row)
        if row.outcome is Outcome.CANCELLED:
            self.active.pop(_rhythm_of(row), None)
        if row.outcome is Outcome.RETRYING and row.error_class == "rate_limited" and story.job is not None:
            story.rate_limited_until = story.job.run_after
        if row.outcome is Outcome.RETRYING and story.job is not None:
            wait = story.job.run_after - row.logged_at
            longest = retry.LONGEST_RATE_LIMIT if row.error_class == "rate_limited" else retry.LONGEST_DELAY
            if not timedelta() <= wait <= longest:
                self.accuse(f"job {row.job_id.int & 0xFFFFFF}: waits {wait} after {row.error_class}")

    def _slots_row(self, store: MemoryStore, row: LogEntry) -> None:
        rhythm = _rhythm_of(row)
        era = self.current.get(rhythm)
        if era is None:
            self.accuse(f"{rhythm}: a row {row.outcome} for the slot {row.slot_at} of no schedule")
            return
        era.rows.append(row)
        since = self.read_at or row.logged_at
        schedule, connection = store.schedules[rhythm], store.connections[rhythm[0]]
        if row.outcome is Outcome.PAUSED and schedule.enabled and connection.status is not ConnectionStatus.EXPIRED:
            known = (self.last_paused_at.get(rhythm), self.last_expired_at.get(rhythm[0]))
            was_changed = "was changed" in (row.message or "")
            if not was_changed and not any(each is not None and each >= since for each in known):
                self.accuse(f"{rhythm}: {row.slot_at} is told as paused, but nothing was")
        if row.outcome is Outcome.OVERLAPPED and rhythm not in store.active and row.slot_at not in era.jobs:
            ended = self.last_active_at.get(rhythm)
            if (rhythm, row.slot_at) in store.slots:
                self.accuse(f"{rhythm}: {row.slot_at} is told as overlapped, but it had its run in an earlier life")
            elif ended is None or ended < since:
                self.accuse(f"{rhythm}: {row.slot_at} is told as overlapped, but nothing ran since {since}")

    # What daemons do with their leases

    def claimed(self, who: str, job: SyncJob) -> None:
        self.stories[job.id].holder = (job.fence, who)

    def wrote(self, who: str, lease: JobLease, what: str) -> None:
        """A fenced write was accepted: it has to be by whoever holds the job now."""
        if self.stories[lease.job_id].holder != (lease.fence, who):
            holder = self.stories[lease.job_id].holder
            self.accuse(
                f"job {lease.job_id.int & 0xFFFFFF}: {what} of {who} with fence {lease.fence}, held by {holder}"
            )

    def finished(self, result: AttemptResult) -> None:
        """An accepted result: a success has to be one."""
        ending = self.stories[result.lease.job_id].fetches.get(result.lease.fence)
        if result.outcome is Outcome.SUCCEEDED and ending != "well":
            self.accuse(f"job {result.lease.job_id.int & 0xFFFFFF}: a success although its fetch ended {ending}")

    def cursor_differs(self, who: str, job: SyncJob, asked: str | None) -> None:
        self.accuse(f"job {job.id.int & 0xFFFFFF}: {who} fetched from cursor {asked}, stored is {job.cursor}")

    def fetched(self, job_id: UUID, fence: int, ending: str) -> None:
        self.stories[job_id].fetches[fence] = ending


def _faults(story: Story, old: SyncJob, new: SyncJob, now: datetime) -> Iterator[str]:
    """What is wrong with this change of a job."""
    if new.state not in LEGAL.get(old.state, set()):
        yield f"{old.state} became {new.state}"
    if (new.fence, new.records) != (max(new.fence, old.fence), max(new.records, old.records)):
        yield "its fence or its records went back"
    if new.cursor != old.cursor and old.state is not JobState.RUNNING:
        yield "its cursor moved while nobody ran it"
    if new.failures > retry.ATTEMPTS or new.partial_failures > retry.ATTEMPTS_WITH_PROGRESS:
        yield "more failures than its budget"
    match old.state, new.state:
        case JobState.QUEUED, JobState.RUNNING:
            yield from _faults_of_claim(old, new, now)
        case JobState.QUEUED, JobState.QUEUED:
            limit = story.rate_limited_until
            if limit is not None and new.run_after < min(old.run_after, limit):
                yield "brought forward although a rate limit made it wait"
        case JobState.RUNNING, JobState.QUEUED | JobState.FAILED:
            if new.last_error_code == LeaseLost.code and (old.lease_expires_at or now) > now:
                yield "taken back although its lease lives"


def _faults_of_claim(old: SyncJob, new: SyncJob, now: datetime) -> Iterator[str]:
    if old.run_after > now:
        yield f"claimed before its time {old.run_after}"
    if (new.fence, new.attempt) != (old.fence + 1, old.attempt + 1):
        yield "a claim without a new fence or attempt"


def _rhythm_of(row: LogEntry) -> Rhythm:
    assert row.platform is not None
    assert row.frequency is not None
    return ConnectionKey(row.studio, row.platform), row.frequency


class WatchedLog(LogBook):
    """The log, with somebody who reads each row as it is written."""

    witness: Witness
    store: MemoryStore

    def add(self, row: LogEntry) -> int:
        self.witness.row_added(self.store, row)
        return super().add(row)


class WatchedConnections(dict[ConnectionKey, PlatformConnection]):
    """The connections, with somebody who sees when one expires and when it comes back."""

    witness: Witness

    def __setitem__(self, key: ConnectionKey, connection: PlatformConnection) -> None:
        self.witness.connection_put(self.get(key), connection)
        super().__setitem__(key, connection)


class WatchedStore(MemoryStore):
    """The store, with somebody who looks on."""

    witness: Witness

    def put_schedule(self, schedule: SyncSchedule) -> SyncSchedule:
        self.witness.schedule_put(self.schedules.get((schedule.key, schedule.frequency)), schedule)
        return super().put_schedule(schedule)

    def drop_schedule(self, rhythm: Rhythm) -> None:
        self.witness.schedule_dropped(self.schedules.get(rhythm), rhythm, "removed")
        super().drop_schedule(rhythm)

    def put_job(self, job: SyncJob) -> SyncJob:
        self.witness.job_put(self, self.jobs.get(job.id), job)
        return super().put_job(job)
