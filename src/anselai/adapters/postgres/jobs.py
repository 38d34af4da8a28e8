"""The queue in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from anselai.adapters.postgres import job_rows, job_statements
from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.connection_rows import to_connection
from anselai.adapters.postgres.database import LONG, Database
from anselai.adapters.postgres.job_rows import to_job
from anselai.adapters.postgres.wakeups import note_asking
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionNotFound, NotFound, StoreUnavailable
from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueuedJob, SyncJobs
from anselai.domain.sync_job import AttemptResult, ClaimedJob, JobLease, SyncJob

_ENQUEUE_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSyncJobs(SyncJobs):
    database: Database

    async def enqueue(self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None) -> QueuedJob:
        values = {
            "id": job_id,
            "studio": key.studio,
            "platform": key.platform,
            "frequency": None if frequency is None else frequency.value,
        }
        for _ in range(_ENQUEUE_ROUNDS):
            [(exists, _notified, deduplicated, *job)] = await self.database.rows(job_statements.ENQUEUE, values)
            if not exists:
                raise ConnectionNotFound(key.platform)
            if deduplicated is not None:
                return QueuedJob(job=to_job(tuple(job)), deduplicated=deduplicated)
        raise StoreUnavailable  # jobs of this connection came and went five times in a row

    async def claim(self, worker: UUID, limit: int, lease: timedelta) -> Sequence[ClaimedJob]:
        note_asking()
        values = {"worker": worker, "limit": limit, "lease": lease}
        claimed = await self.database.rows(job_statements.CLAIM, values, within=LONG)
        return [
            ClaimedJob(job=to_job(row[: job_rows.WIDTH]), connection=to_connection(row[job_rows.WIDTH :]))
            for row in claimed
        ]

    async def renew(self, leases: Sequence[JobLease], lease: timedelta) -> frozenset[UUID]:
        if not leases:
            return frozenset()
        values = {"ids": [held.job_id for held in leases], "fences": [held.fence for held in leases], "lease": lease}
        return frozenset(row[0] for row in await self.database.rows(job_statements.RENEW, values))

    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        if not results:
            return frozenset()
        given = encoded([_given(position, result) for position, result in enumerate(results)])
        return frozenset(row[0] for row in await self.database.rows(job_statements.FINISH, (given,), within=LONG))

    async def reclaim(self, limit: int) -> int:
        [(count,)] = await self.database.rows(job_statements.RECLAIM, (limit,), within=LONG)
        return int(count)

    async def get(self, studio: str, job_id: UUID) -> SyncJob:
        for row in await self.database.rows(job_statements.GET, (studio, job_id)):
            return to_job(row)
        raise NotFound("There is no such job. Jobs are kept for a while after they ended.")

    async def active(self, studio: str) -> Sequence[SyncJob]:
        return [to_job(row) for row in await self.database.rows(job_statements.ACTIVE, (studio,))]

    async def next_run_at(self) -> datetime | None:
        [(instant,)] = await self.database.rows(job_statements.NEXT_RUN)
        return instant if isinstance(instant, datetime) else None

    async def wait_for_work(self, at_most: timedelta) -> None:
        await self.database.wakeups.wait(at_most)

    async def prune(self, finished_before: timedelta, logged_before: timedelta, limit: int) -> int:
        values = {"finished_before": finished_before, "logged_before": logged_before, "limit": limit}
        [(count,)] = await self.database.rows(job_statements.PRUNE, values, within=LONG)
        return int(count)


def _given(position: int, result: AttemptResult) -> dict[str, object]:
    return {
        "position": position,
        "id": result.lease.job_id,
        "fence": result.lease.fence,
        "outcome": result.outcome,
        "next_state": result.next_state,
        "records": result.records,
        "api_calls": result.api_calls,
        "simulated": result.simulated,
        "retry_in": result.retry_in,
        "failures": result.failures,
        "partial_failures": result.partial_failures,
        "error_class": result.error_class,
        "error_code": result.error_code,
        "error_message": result.error_message,
        "connection_status": result.connection_status,
        "judged_token": result.judged_token,
    }
