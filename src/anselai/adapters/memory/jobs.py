"""The queue in memory."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from anselai.adapters.memory.log_rows import attempt_row, result_row
from anselai.adapters.memory.requests import SyncRequest
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.wakeups import note_asking
from anselai.domain import retry
from anselai.domain.claim_limits import NO_LIMITS, ClaimLimits
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import (
    FailureClass,
    IdempotencyKeyReused,
    JobEnded,
    LeaseLost,
    NotFound,
    PlatformPaused,
    TooManyIdempotencyKeys,
    TooManySyncs,
)
from anselai.domain.failure_streak import cause, failed_again, lengthens, notice
from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import MOST_KEYS
from anselai.domain.ports.jobs import QueuedJob, QueueState, SyncJobs
from anselai.domain.sync_job import (
    MOST_SYNCS,
    SYNCS_COUNT_FOR,
    AttemptResult,
    ClaimedJob,
    JobLease,
    JobState,
    Outcome,
    SyncJob,
    Trigger,
)
from anselai.domain.text import storable

log = logging.getLogger("anselai.jobs")

CANCELLED = "cancelled by a person"
ABANDONED = "The worker died or lost the store: its lease ran out."
GIVEN_UP = f"Given up after {retry.ATTEMPTS} attempts that failed."


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySyncJobs(SyncJobs):
    store: MemoryStore
    most_keys: int = MOST_KEYS
    most_syncs: int = MOST_SYNCS

    async def enqueue(
        self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None, idempotency_key: str | None = None
    ) -> QueuedJob:
        if idempotency_key is None:
            return self._enqueue(job_id, key, frequency)
        now, requests = self.store.clock.now(), self.store.requests
        requests.prune(now)
        known = requests.find(key.studio, idempotency_key)
        if known is not None and known.job_id in self.store.jobs:
            if (known.platform, known.frequency) != (key.platform, frequency):
                raise IdempotencyKeyReused(known.platform, known.frequency)
            return QueuedJob(job=self.store.jobs[known.job_id], deduplicated=True)
        requests.drop(key.studio, idempotency_key)
        self.store.connection(key)
        if requests.keys_of[key.studio] >= self.most_keys:
            raise TooManyIdempotencyKeys(self.most_keys)
        queued = self._enqueue(job_id, key, frequency)
        request = SyncRequest(platform=key.platform, frequency=frequency, job_id=queued.job.id, requested_at=now)
        requests.add(key.studio, idempotency_key, request)
        return queued

    def _enqueue(self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None) -> QueuedJob:
        self.store.connection(key)
        now = self.store.clock.now()
        active = next(iter(self._active(key, frequency)), None)
        if active is not None:
            if active.state is JobState.QUEUED and active.run_after > now and active.id not in self.store.rate_limited:
                active = self.store.put_job(replace(active, run_after=now))
                self.store.wakeups.wake()
            return QueuedJob(job=active, deduplicated=True)
        of_studio = (each for each in self.store.jobs.values() if each.key.studio == key.studio and not each.slot_at)
        if sum(each.created_at > now - SYNCS_COUNT_FOR for each in of_studio) >= self.most_syncs:
            raise TooManySyncs(self.most_syncs)
        job = SyncJob(
            id=job_id,
            key=key,
            frequency=frequency or Frequency.DAILY,
            trigger=Trigger.MANUAL,
            slot_at=None,
            state=JobState.QUEUED,
            run_after=now,
            created_at=now,
        )
        self.store.put_job(job)
        self.store.wakeups.wake()
        return QueuedJob(job=job, deduplicated=False)

    async def claim(
        self, worker: UUID, limit: int, lease: timedelta, limits: ClaimLimits = NO_LIMITS
    ) -> Sequence[ClaimedJob]:
        note_asking()
        now, room = self.store.clock.now(), self._room(limits)

        def fits(job_id: UUID) -> bool:
            platform = self.store.jobs[job_id].key.platform
            if platform in room:
                room[platform] -= 1
            return room.get(platform, 0) >= 0

        due = self.store.queued.due(now, limit, fits) if room else self.store.queued.due(now, limit)
        return [self._claim(self.store.jobs[each], now, lease) for each in due]

    async def renew(self, leases: Sequence[JobLease], lease: timedelta) -> frozenset[UUID]:
        until = self.store.clock.now() + lease
        held = [job for each in leases if (job := self.store.held_job(each)) is not None]
        for job in held:
            self.store.put_job(replace(job, lease_expires_at=until))
        return frozenset(job.id for job in held)

    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        results = storable(results)
        now = self.store.clock.now()
        closable = [(each, each.next_state) for each in results]  # an outcome that ends no attempt raises here
        accepted = [each.lease.job_id for each, state in closable if self._close(each, state, now)]
        if accepted:
            self.store.wakeups.wake()
        return frozenset(accepted)

    async def reclaim(self, limit: int) -> int:
        now = self.store.clock.now()
        abandoned = self.store.leases.due(now, limit)
        for job_id in abandoned:
            self._take_back(self.store.jobs[job_id], now)
        if abandoned:
            self.store.wakeups.wake()
        return len(abandoned)

    async def cancel(self, key: ConnectionKey, frequency: Frequency | None) -> Sequence[SyncJob]:
        self.store.connection(key)
        return self._cancel(self._active(key, frequency))

    async def cancel_one(self, studio: str, job_id: UUID) -> SyncJob:
        job = await self.get(studio, job_id)
        if not job.is_active:
            raise JobEnded(job.state)
        [cancelled] = self._cancel([job])
        return cancelled

    async def get(self, studio: str, job_id: UUID) -> SyncJob:
        job = self.store.jobs.get(job_id)
        if job is None or job.key.studio != studio:
            raise NotFound(f"There is no job {job_id}.")
        return job

    async def active(self, studio: str) -> Sequence[SyncJob]:
        jobs = (self.store.jobs[each] for each in self.store.active.values())
        return sorted((job for job in jobs if job.key.studio == studio), key=_longest_due)

    async def queue_state(self, studio: str | None) -> QueueState:
        now = self.store.clock.now()
        jobs = [self.store.jobs[each] for each in self.store.active.values()]
        jobs = [job for job in jobs if studio is None or job.key.studio == studio]
        due = [job.run_after for job in jobs if job.state is JobState.QUEUED and job.run_after <= now]
        leases = [job.lease_expires_at for job in jobs if job.lease_expires_at is not None]
        stalled = sum(until <= now for until in leases)
        return QueueState(
            asked_at=now,
            due=len(due),
            waiting=len(jobs) - len(due) - len(leases),
            oldest_due_at=min(due, default=None),
            running=len(leases) - stalled,
            stalled=stalled,
        )

    async def next_run_at(self, limits: ClaimLimits = NO_LIMITS) -> datetime | None:
        full = {platform for platform, room in self._room(limits).items() if not room}
        first = self.store.queued.first_at(lambda job_id: self.store.jobs[job_id].key.platform not in full)
        firsts = (first, self.store.leases.first_at())
        return min((at for at in firsts if at is not None), default=None)

    async def wait_for_work(self, at_most: timedelta) -> None:
        await self.store.wakeups.wait(at_most)

    async def wait_for_cancellation(self, at_most: timedelta) -> bool:
        return await self.store.cancellations.wait(at_most)

    async def prune(self, finished_before: timedelta, logged_before: timedelta, limit: int) -> int:
        now = self.store.clock.now()
        old = self.store.finished.due(now - finished_before - timedelta.resolution, limit)
        for job_id in old:
            self.store.drop_job(job_id)
        return len(old) + self.store.log.prune(now - logged_before, limit) + self.store.requests.prune(now, limit)

    def _active(self, key: ConnectionKey, frequency: Frequency | None) -> Sequence[SyncJob]:
        """The longest due first."""
        rhythms = [(key, each) for each in ((frequency,) if frequency is not None else tuple(Frequency))]
        jobs = (self.store.jobs[self.store.active[each]] for each in rhythms if each in self.store.active)
        return sorted(jobs, key=_longest_due)

    def _cancel(self, jobs: Sequence[SyncJob]) -> Sequence[SyncJob]:
        cancelled = [self.store.cancel_job(each, CANCELLED) for each in jobs]
        if cancelled:
            self.store.wakeups.wake()
        return cancelled

    def _room(self, limits: ClaimLimits) -> dict[str, int]:
        running = Counter(self.store.jobs[each].key.platform for each in self.store.leases.times if limits.fleet)
        return {platform: limits.room(platform, running[platform]) for platform in limits.platforms}

    def _claim(self, job: SyncJob, now: datetime, lease: timedelta) -> ClaimedJob:
        self.store.rate_limited.discard(job.id)
        running = replace(
            job,
            state=JobState.RUNNING,
            attempt=job.attempt + 1,
            fence=job.fence + 1,
            started_at=now,
            lease_expires_at=now + lease,
        )
        return ClaimedJob(job=self.store.put_job(running), connection=self.store.connections[job.key])

    def _close(self, result: AttemptResult, state: JobState, now: datetime) -> bool:
        job = self.store.held_job(result.lease)
        if job is None:
            return False
        again = state is JobState.QUEUED
        self.store.put_job(
            replace(
                job,
                state=state,
                run_after=now + result.retry_in if again else job.run_after,
                failures=result.failures,
                partial_failures=result.partial_failures,
                finished_at=None if again else now,
                lease_expires_at=None,
                last_error_code=result.error_code,
                last_error=result.error_message,
            )
        )
        if again and result.error_class is FailureClass.RATE_LIMITED and result.error_code != PlatformPaused.code:
            self.store.rate_limited.add(job.id)
        self.store.log.add(result_row(job, result, now))
        self._tell_connection(job.key, result, now)
        if result.outcome is Outcome.SUCCEEDED:
            self._count_streak(job, None)
        elif lengthens(result):
            self._count_streak(job, cause(result.error_code, result.error_message))
        return True

    def _tell_connection(self, key: ConnectionKey, result: AttemptResult, now: datetime) -> None:
        stored = self.store.connections[key]
        if result.outcome is Outcome.SUCCEEDED:
            told = stored if stored.needs_new_tokens else stored.marked(ConnectionStatus.ACTIVE, now=now)
            told = replace(told, last_sync_at=now, updated_at=now)
        elif stored.needs_new_tokens:
            return
        elif result.connection_status is not None and stored.token_version == result.judged_token_version:
            told = stored.marked(result.connection_status, now=now, code=result.error_code, reason=result.error_message)
        else:
            return
        self.store.connections[key] = replace(told, version=stored.version + 1)

    def _take_back(self, job: SyncJob, now: datetime) -> None:
        failures = job.failures + 1
        for_good = failures >= retry.ATTEMPTS
        self.store.put_job(
            replace(
                job,
                state=JobState.FAILED if for_good else JobState.QUEUED,
                run_after=job.run_after if for_good else now,
                failures=failures,
                finished_at=now if for_good else None,
                lease_expires_at=None,
                last_error_code=LeaseLost.code,
                last_error=ABANDONED,
            )
        )
        row = attempt_row(job, Outcome.ABANDONED, now, message=ABANDONED)
        abandoned = replace(row, error_class=FailureClass.TRANSIENT, error_code=LeaseLost.code)
        self.store.log.add(abandoned)
        if for_good:
            self.store.log.add(replace(abandoned, outcome=Outcome.FAILED, message=GIVEN_UP))
            self._count_streak(job, cause(LeaseLost.code, ABANDONED))

    def _count_streak(self, job: SyncJob, why: str | None) -> None:
        """One more failure of the job's schedule, or with no reason its success. A success after a success is none."""
        stored = self.store.schedules.get((job.key, job.frequency))
        if stored is None or (why is None and not stored.failures_in_row):
            return
        counted = replace(stored, failures_in_row=0) if why is None else failed_again(stored, why)
        self.store.put_schedule(replace(counted, version=stored.version + 1))
        off = counted.disabled_reason if stored.enabled and not counted.enabled else None
        told = notice(job.key, job.frequency, counted.failures_in_row, off)
        if told is not None and stored.enabled:
            log.warning("%s", told)


def _longest_due(job: SyncJob) -> tuple[datetime, UUID]:
    return job.run_after, job.id
