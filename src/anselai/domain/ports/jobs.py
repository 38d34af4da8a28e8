"""The queue of sync jobs: leases and fencing tokens."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, ClaimedJob, JobLease, SyncJob


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job, and whether it was there before it was asked for."""

    job: SyncJob
    deduplicated: bool


class SyncJobs(Protocol):
    """The queue. Time that decides is the store's. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def enqueue(self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None) -> QueuedJob:
        """Queue a manual job that may run at once, unless one is active already.

        Without a frequency any active job of the connection counts, and the new one is daily. A job that waits for
        its next attempt is brought forward, unless a rate limit made it wait. Raises ConnectionNotFound. Wakes the
        workers.
        """

    @abstractmethod
    async def claim(self, worker: UUID, limit: int, lease: timedelta) -> Sequence[ClaimedJob]:
        """Take at most `limit` queued jobs whose time has come, the longest due first, for the time of `lease`.

        No two callers get the same job. Each claim counts an attempt and has a new fencing token.
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
    async def get(self, studio: str, job_id: UUID) -> SyncJob:
        """Raises NotFound, also for a job of another studio."""

    @abstractmethod
    async def active(self, studio: str) -> Sequence[SyncJob]:
        """A studio's queued and running jobs, the longest due first."""

    @abstractmethod
    async def next_run_at(self) -> datetime | None:
        """When the next queued job may run or the next lease ends, whichever is first, or None."""

    @abstractmethod
    async def wait_for_work(self, at_most: timedelta) -> None:
        """Return when somebody queued a job or changed a schedule, or after `at_most`. May return for no reason."""

    @abstractmethod
    async def prune(self, finished_before: timedelta, logged_before: timedelta, limit: int) -> int:
        """Delete at most `limit` jobs that ended longer ago than that, and log rows longer ago; how many in all."""
