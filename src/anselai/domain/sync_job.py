"""A sync job: its states, the only legal transitions between them, and what an attempt leaves behind."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.errors import FailureClass
from anselai.domain.frequency import Frequency

# Of one studio within that time: 40 platforms, each ten times an hour. It bounds what somebody can fill the store with
# who asks for syncs and cancels them.
MOST_SYNCS: Final = 10_000
SYNCS_COUNT_FOR: Final = timedelta(hours=24)


class Trigger(StrEnum):
    SCHEDULE = "schedule"
    MANUAL = "manual"
    API = "api"  # not a run: an error of the HTTP API that the log keeps


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How an attempt, or a slot that never became a run, ended: the `outcome` of a row in sync_log."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STALLED = "stalled"
    RETRYING = "retrying"  # this attempt failed, another follows
    ABANDONED = "abandoned"  # the lease ran out: the worker died or lost the database
    RELEASED = "released"  # given back at shutdown
    CANCELLED = "cancelled"
    OVERLAPPED = "overlapped"
    MISSED = "missed"
    COALESCED = "coalesced"
    PAUSED = "paused"
    API_ERROR = "api_error"


# The state that a running job takes when its attempt ends so. Everything else is illegal.
STATE_AFTER = {
    Outcome.SUCCEEDED: JobState.SUCCEEDED,
    Outcome.FAILED: JobState.FAILED,
    Outcome.STALLED: JobState.FAILED,
    Outcome.RETRYING: JobState.QUEUED,
    Outcome.ABANDONED: JobState.QUEUED,
    Outcome.RELEASED: JobState.QUEUED,
    Outcome.CANCELLED: JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class JobLease:
    """The right to write for a job: valid while `fence` is the job's current fencing token."""

    job_id: UUID
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJob:
    """One run of one frequency of a connection, through all its attempts. A manual job has no slot."""

    id: UUID
    key: ConnectionKey
    frequency: Frequency
    trigger: Trigger
    slot_at: datetime | None
    state: JobState
    run_after: datetime
    created_at: datetime
    attempt: int = 0
    failures: int = 0  # attempts that failed without progress
    partial_failures: int = 0  # attempts that failed after progress
    fence: int = 0
    cursor: str | None = field(default=None, repr=False)
    records: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease_expires_at: datetime | None = None
    last_error_code: str | None = None
    last_error: str | None = None

    @property
    def is_active(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def lease(self) -> JobLease:
        return JobLease(self.id, self.fence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A running job with the connection as it was when the job was claimed."""

    job: SyncJob
    connection: PlatformConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How an attempt ended.

    `connection_status` is what the run learned about the connection, if anything; it holds only while the connection
    still has the tokens that were judged, since new ones make a new connection of it.
    """

    lease: JobLease
    outcome: Outcome
    records: int = 0
    api_calls: int = 0
    simulated: bool = False
    retry_in: timedelta = timedelta()
    failures: int = 0
    partial_failures: int = 0
    error_class: FailureClass | None = None
    error_code: str | None = None
    error_message: str | None = None
    connection_status: ConnectionStatus | None = None
    judged_token_version: int | None = None

    @property
    def next_state(self) -> JobState:
        return STATE_AFTER[self.outcome]
