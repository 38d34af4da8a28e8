"""The one object that all memory adapters share."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from anselai.adapters.memory.agenda import Agenda
from anselai.adapters.memory.log_book import LogBook
from anselai.adapters.memory.log_rows import attempt_row
from anselai.adapters.memory.record_shelf import RecordShelf
from anselai.adapters.memory.requests import RequestBook
from anselai.adapters.memory.wakeups import Wakeups
from anselai.domain.access import ApiKey, Studio
from anselai.domain.audit import LONGEST_DETAIL, AuditEntry, Deed
from anselai.domain.connection import DEFAULT_STUDIO, ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionNotFound
from anselai.domain.frequency import Frequency
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.sealed_tokens import KeyUse
from anselai.domain.ports.workers import Worker
from anselai.domain.schedule import SyncSchedule
from anselai.domain.sync_job import JobLease, JobState, Outcome, SyncJob
from anselai.domain.text import refuse_unstorable, storable

Rhythm = tuple[ConnectionKey, Frequency]


@dataclass(frozen=True, slots=True)
class RefreshRight:
    owner: UUID
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class MemoryStore:
    """Everything that is stored, with its indexes. For one thread: an adapter's method runs through without awaiting.

    What goes in and out is immutable, so nobody can change the store behind its back.
    """

    clock: Clock
    studios: dict[str, Studio] = field(default_factory=dict)
    api_keys: dict[UUID, ApiKey] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    ended_sessions: dict[str, datetime] = field(default_factory=dict)  # with when they would have ended anyway
    connections: dict[ConnectionKey, PlatformConnection] = field(default_factory=dict)
    refresh_rights: dict[ConnectionKey, RefreshRight] = field(default_factory=dict)
    refresh_askers: dict[ConnectionKey, UUID] = field(default_factory=dict)  # whose question is open
    key_uses: dict[str, KeyUse] = field(default_factory=dict)
    schedules: dict[Rhythm, SyncSchedule] = field(default_factory=dict)
    next_slots: Agenda[Rhythm] = field(default_factory=Agenda)
    jobs: dict[UUID, SyncJob] = field(default_factory=dict)
    active: dict[Rhythm, UUID] = field(default_factory=dict)
    slots: dict[tuple[Rhythm, datetime], UUID] = field(default_factory=dict)
    rate_limited: set[UUID] = field(default_factory=set)
    queued: Agenda[UUID] = field(default_factory=Agenda)
    leases: Agenda[UUID] = field(default_factory=Agenda)
    finished: Agenda[UUID] = field(default_factory=Agenda)
    log: LogBook = field(default_factory=LogBook)
    records: RecordShelf = field(default_factory=RecordShelf)
    requests: RequestBook = field(default_factory=RequestBook)
    workers: dict[UUID, Worker] = field(default_factory=dict)
    wakeups: Wakeups = field(default_factory=Wakeups)
    cancellations: Wakeups = field(default_factory=Wakeups)

    def __post_init__(self) -> None:
        self.add_studio(DEFAULT_STUDIO, DEFAULT_STUDIO)

    def add_studio(self, studio: str, name: str) -> Studio:
        added = self.studios[studio] = Studio(id=studio, name=name, created_at=self.clock.now())
        return added

    def write_down(self, deed: Deed) -> None:
        kept = storable(deed)
        self.audit.append(
            AuditEntry(
                id=len(self.audit) + 1,
                at=self.clock.now(),
                studio=kept.studio,
                actor=kept.actor.name,
                address=kept.actor.address,
                action=kept.action.value,
                subject=kept.subject,
                detail=None if kept.detail is None else kept.detail[:LONGEST_DETAIL],
                request_id=kept.actor.request_id,
            )
        )

    def connection(self, key: ConnectionKey) -> PlatformConnection:
        try:
            return self.connections[key]
        except KeyError:
            refuse_unstorable(key.studio, key.platform)
            raise ConnectionNotFound(key.platform) from None

    def put_schedule(self, schedule: SyncSchedule) -> SyncSchedule:
        self.schedules[schedule.key, schedule.frequency] = schedule
        self.next_slots.put((schedule.key, schedule.frequency), schedule.next_slot_at)
        return schedule

    def drop_schedule(self, rhythm: Rhythm) -> None:
        if self.schedules.pop(rhythm, None) is not None:
            self.next_slots.drop(rhythm)

    def held_job(self, lease: JobLease) -> SyncJob | None:
        """The running job, if this is its lease."""
        job = self.jobs.get(lease.job_id)
        return job if job is not None and job.state is JobState.RUNNING and job.fence == lease.fence else None

    def put_job(self, job: SyncJob) -> SyncJob:
        self.drop_job(job.id)
        job = storable(job)
        self.jobs[job.id] = job
        if job.slot_at is not None:
            self.slots[(job.key, job.frequency), job.slot_at] = job.id
        if job.is_active:
            self.active[job.key, job.frequency] = job.id
        if job.state is JobState.QUEUED:
            self.queued.put(job.id, job.run_after)
        if job.lease_expires_at is not None:
            self.leases.put(job.id, job.lease_expires_at)
        if job.finished_at is not None:
            self.finished.put(job.id, job.finished_at)
        return job

    def cancel_job(self, job: SyncJob, why: str) -> SyncJob:
        """End an active job, so that its late writes find nobody to write for."""
        now = self.clock.now()
        self.log.add(attempt_row(job, Outcome.CANCELLED, now, message=why))
        self.rate_limited.discard(job.id)
        if job.state is JobState.RUNNING:
            self.cancellations.wake()
        return self.put_job(
            replace(job, state=JobState.CANCELLED, fence=job.fence + 1, finished_at=now, lease_expires_at=None)
        )

    def drop_job(self, job_id: UUID) -> None:
        job = self.jobs.pop(job_id, None)
        if job is None:
            return
        if job.slot_at is not None:
            del self.slots[(job.key, job.frequency), job.slot_at]
        if job.is_active:
            del self.active[job.key, job.frequency]
        for agenda in (self.queued, self.leases, self.finished):
            agenda.drop(job_id)
