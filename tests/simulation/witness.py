"""Sees every change of the store as it happens, and knows which may not be."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore, Rhythm
from anselai.domain.claim_limits import ClaimLimits
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.failure_streak import DISABLE_AFTER
from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import KEY_HOLDS
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import CatchUp, SyncSchedule
from anselai.domain.sync_job import AttemptResult, JobLease, JobState, Outcome, SyncJob
from tests.simulation import faults
from tests.simulation.stories import Era, Request, Story
from tests.simulation.virtual_time import StoreClock

FINAL = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.STALLED, Outcome.CANCELLED})
OUR_FAULT = frozenset(
    {"STORE_UNAVAILABLE", "UNKNOWN_PLATFORM", "REFRESH_IN_PROGRESS"}
)  # and no failure of the schedule
UNRUN = frozenset({Outcome.OVERLAPPED, Outcome.MISSED, Outcome.COALESCED, Outcome.PAUSED})


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
    running: Counter[str] = field(default_factory=Counter)  # jobs, by platform
    streaks: dict[Rhythm, int] = field(default_factory=dict)  # what the next change of a schedule has to tell
    requests: dict[tuple[str, str], Request] = field(default_factory=dict)
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
            dropped = self.current.get(rhythm)
            self.schedule_dropped(old, rhythm, "another cron")
            if dropped is not None and old is not None and new.next_slot_at == old.next_slot_at <= now:
                dropped.ended_at = (
                    new.next_slot_at - timedelta.resolution
                )  # both crons name this slot: it is the new one's
            era = Era(rhythm=rhythm, cron=new.cron, timezone=new.timezone, first=new.next_slot_at, began_at=now)
            self.eras.append(era)
            self.current[rhythm] = era
        known = self.streaks.pop(rhythm, None)
        if known is not None and new.failures_in_row != known:
            self.accuse(f"{rhythm}: {new.failures_in_row} runs failed in a row, and it should be {known}")
        if new.enabled and new.failures_in_row >= DISABLE_AFTER:
            self.accuse(f"{rhythm}: still on after {new.failures_in_row} runs failed in a row")
        if not new.enabled or (old is not None and not old.enabled):
            self.last_paused_at[rhythm] = now

    def schedule_dropped(self, old: SyncSchedule | None, rhythm: Rhythm, why: str) -> None:
        self.streaks.pop(rhythm, None)
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
        for fault in faults.of_change(story, old, new, now):
            self.accuse(f"job {new.id.int & 0xFFFFFF}: {fault}")
        self.running[new.key.platform] += (new.state is JobState.RUNNING) - (old.state is JobState.RUNNING)
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
                self._slot_runs(store, rhythm, new.slot_at)
        self.stories[new.id] = Story(era=era, slot_at=new.slot_at, job=new)

    def _slot_runs(self, store: MemoryStore, rhythm: Rhythm, slot: datetime) -> None:
        read_at, known = self.read_at or self.clock.now(), self.last_expired_at.get(rhythm[0])
        for fault in faults.of_run(store.schedules[rhythm], slot, read_at):
            self.accuse(f"{rhythm}: {slot} is {fault}")
        if store.connections[rhythm[0]].status is ConnectionStatus.EXPIRED and known is not None and known < read_at:
            self.accuse(f"{rhythm}: {slot} is run although its connection has expired")

    # The log

    def row_added(self, store: MemoryStore, row: LogEntry) -> None:
        if row.job_id is not None:
            self._attempt_row(row)
            self._streak(store.schedules.get(_rhythm_of(row)), row)
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
            for fault in faults.of_retry(story.job, row):
                self.accuse(f"job {row.job_id.int & 0xFFFFFF}: {fault}")

    def _streak(self, schedule: SyncSchedule | None, row: LogEntry) -> None:
        """A run that succeeded or failed for good: how many in a row failed, the schedule has to tell next."""
        if schedule is None:
            return
        if row.outcome is Outcome.SUCCEEDED:
            self.streaks[schedule.key, schedule.frequency] = 0
        elif row.outcome not in (Outcome.FAILED, Outcome.STALLED) or row.error_code in OUR_FAULT:
            return
        elif row.error_class != "auth":
            self.streaks[schedule.key, schedule.frequency] = schedule.failures_in_row + 1

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
        for fault in faults.of_catching_up(schedule, row):
            self.accuse(f"{rhythm}: {row.slot_at} is {fault}")
        active = store.jobs[store.active[rhythm]] if rhythm in store.active else None
        could_wait = active is not None and active.created_at < since and schedule.catch_up is CatchUp.ALL
        if row.outcome is Outcome.OVERLAPPED and could_wait:
            self.accuse(f"{rhythm}: {row.slot_at} is told as overlapped although it could wait for its turn")
        if row.outcome is Outcome.OVERLAPPED and active is None and row.slot_at not in era.jobs:
            ended = self.last_active_at.get(rhythm)
            if (rhythm, row.slot_at) in store.slots:
                self.accuse(f"{rhythm}: {row.slot_at} is told as overlapped, but it had its run in an earlier life")
            elif ended is None or ended < since:
                self.accuse(f"{rhythm}: {row.slot_at} is told as overlapped, but nothing ran since {since}")

    # What daemons do with their leases

    def claimed(self, who: str, job: SyncJob, limits: ClaimLimits) -> None:
        platform = job.key.platform
        self.stories[job.id].holder = (job.fence, who)
        if self.running[platform] > limits.fleet.get(platform, self.running[platform]):
            self.accuse(f"{self.running[platform]} runs of {platform} at once")

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

    # What people are told

    def requested(
        self,
        jobs: Mapping[UUID, SyncJob],
        given: UUID | None,
        key: ConnectionKey,
        frequency: Frequency | None,
        idempotency_key: str | None,
    ) -> None:
        """Somebody asked for a run and was given this job, or heard that his idempotency key is another request's."""
        if idempotency_key is None:
            return
        now, request = self.clock.now(), (key.platform, frequency)
        known = self.requests.get((key.studio, idempotency_key))
        if known is None or now - known.at >= KEY_HOLDS or known.job_id not in jobs:
            if given is None:
                self.accuse(f"{key}: the idempotency key is refused, and nobody used it")
            else:
                self.requests[key.studio, idempotency_key] = Request(request=request, job_id=given, at=now)
        elif given != (known.job_id if known.request == request else None):
            self.accuse(f"{key}: for {request} the job {given} was given, and {known} with the same key before")

    def cursor_differs(self, who: str, job: SyncJob, asked: str | None) -> None:
        self.accuse(f"job {job.id.int & 0xFFFFFF}: {who} fetched from cursor {asked}, stored is {job.cursor}")

    def fetched(self, job_id: UUID, fence: int, ending: str) -> None:
        self.stories[job_id].fetches[fence] = ending


def _rhythm_of(row: LogEntry) -> Rhythm:
    assert row.platform is not None
    assert row.frequency is not None
    return ConnectionKey(row.studio, row.platform), row.frequency
