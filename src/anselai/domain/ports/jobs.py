"""The queue of sync jobs: leases and fencing tokens."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from anselai.domain.claim_limits import NO_LIMITS, ClaimLimits
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, ClaimedJob, JobLease, SyncJob


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job, and whether it was there before it was asked for."""

    job: SyncJob
    deduplicated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """How many jobs are in the queue, at one instant of the store's. Each job counts once.

    `due` may run now, the first of them since `oldest_due_at`; `waiting` are queued for later; the lease of those
    `running` holds, that of those `stalled` ran out and nobody has taken them back yet.
    """

    asked_at: datetime
    due: int
    waiting: int
    oldest_due_at: datetime | None
    running: int
    stalled: int

    @property
    def oldest_due_age(self) -> timedelta:
        return timedelta() if self.oldest_due_at is None else self.asked_at - self.oldest_due_at


class SyncJobs(Protocol):
    """The queue. Time that decides is the store's. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def enqueue(
        self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None, idempotency_key: str | None = None
    ) -> QueuedJob:
        """Queue a manual job that may run at once, unless one is active already.

        Without a frequency any active job of the connection counts, and the new one is daily. A job that waits for
        its next attempt is brought forward, unless a rate limit made it wait. Raises ConnectionNotFound, and
        TooManySyncs when the studio's new manual jobs within a day are `MOST_SYNCS` or, as requests come at once, a few
        more. Wakes the workers.

        Whoever repeats the request with its key within `KEY_HOLDS` gets the job of the first time, also when it was
        an active one, when it has ended, or when its connection is gone: that changes nothing. A job that is not kept
        any more makes its key new. Keys are a studio's own. Raises IdempotencyKeyReused when the request with that
        key was for another platform or frequency, TooManyIdempotencyKeys when the studio's new keys within that time
        are `MOST_KEYS`, or, as requests come at once, a few more.
        """

    @abstractmethod
    async def claim(
        self, worker: UUID, limit: int, lease: timedelta, limits: ClaimLimits = NO_LIMITS
    ) -> Sequence[ClaimedJob]:
        """Take at most `limit` queued jobs whose time has come, the longest due first, for the time of `lease`.

        No two callers get the same job. Each claim counts an attempt and has a new fencing token. Jobs of platforms
        that `limits` leave no room for are passed over. While all callers name the same limit of the fleet, no more
        jobs of that platform run, however many claim at once; a run counts until its result is in or it is taken back.
        """

    @abstractmethod
    async def renew(self, leases: Sequence[JobLease], lease: timedelta) -> frozenset[UUID]:
        """Extend leases; the ids of the jobs that are still held with that fencing token."""

    @abstractmethod
    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        """Close attempts: the job's next state, its row in the log, and what it means for the connection, together.

        A success sets the connection's `last_sync_at`, clears its error and makes it active; a result with a
        `connection_status` sets that and the error, if the connection still has the token that was judged.
        Results whose fencing token is old change nothing. Returns the ids of the jobs whose result was accepted.
        """

    @abstractmethod
    async def reclaim(self, limit: int) -> int:
        """Put jobs whose lease ran out back into the queue, at once; the number of them.

        The abandoned attempt gets its row in the log and counts as a failure. A job that failed so
        `retry.ATTEMPTS` times fails for good, with a row `failed` after the last one `abandoned`.
        """

    @abstractmethod
    async def cancel(self, key: ConnectionKey, frequency: Frequency | None) -> Sequence[SyncJob]:
        """End the connection's queued and running jobs as cancelled, or that frequency's, the longest due first.

        A run that is under way is fenced off by this: none of its later writes is accepted. Each job gets a row
        `cancelled` in the log, so its slot stays accounted for. Raises ConnectionNotFound. Wakes the workers.
        """

    @abstractmethod
    async def cancel_one(self, studio: str, job_id: UUID) -> SyncJob:
        """The same for one job. Raises NotFound, also for a job of another studio, and JobEnded."""

    @abstractmethod
    async def get(self, studio: str, job_id: UUID) -> SyncJob:
        """Raises NotFound, also for a job of another studio."""

    @abstractmethod
    async def active(self, studio: str) -> Sequence[SyncJob]:
        """A studio's queued and running jobs, the longest due first."""

    @abstractmethod
    async def queue_state(self, studio: str | None) -> QueueState:
        """The queue of this studio, or of all. Costs nothing for jobs that have ended."""

    @abstractmethod
    async def next_run_at(self, limits: ClaimLimits = NO_LIMITS) -> datetime | None:
        """When the next queued job may run or the next lease ends, whichever is first, or None.

        Jobs of platforms that `limits` leave no room for do not count.
        """

    @abstractmethod
    async def wait_for_work(self, at_most: timedelta) -> None:
        """Return when somebody queued a job or changed a schedule, or after `at_most`. May return for no reason."""

    @abstractmethod
    async def wait_for_cancellation(self, at_most: timedelta) -> bool:
        """Return True when somebody cancelled a running job, whoever runs it, or may have; False after `at_most`."""

    @abstractmethod
    async def prune(self, finished_before: timedelta, logged_before: timedelta, limit: int) -> int:
        """Delete at most `limit` jobs that ended longer ago than that, log rows longer ago, and idempotency keys that
        hold no longer, of each; how many in all.
        """
