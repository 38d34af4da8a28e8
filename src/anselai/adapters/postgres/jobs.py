"""The queue in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from anselai.adapters.postgres import (
    job_cancelling,
    job_requests,
    job_rows,
    job_statements,
    limited_claims,
    queue_state,
)
from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.connection_rows import to_connection
from anselai.adapters.postgres.database import BATCH, LONG, Database
from anselai.adapters.postgres.job_rows import to_job
from anselai.adapters.postgres.streak_statements import without_notices
from anselai.adapters.postgres.wakeups import CANCELLED, note_asking
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.claim_limits import NO_LIMITS, ClaimLimits
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionNotFound, JobEnded, NotFound
from anselai.domain.failure_streak import cause, lengthens
from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import KEY_HOLDS, MOST_KEYS
from anselai.domain.ports.jobs import QueuedJob, QueueState, SyncJobs
from anselai.domain.sync_job import MOST_SYNCS, SYNCS_COUNT_FOR, AttemptResult, ClaimedJob, JobLease, SyncJob


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSyncJobs(SyncJobs):
    database: Database
    most_keys: int = MOST_KEYS
    most_syncs: int = MOST_SYNCS

    async def enqueue(
        self, job_id: UUID, key: ConnectionKey, frequency: Frequency | None, idempotency_key: str | None = None
    ) -> QueuedJob:
        values = _rhythm(key, frequency)
        values |= {"id": job_id, "count_for": SYNCS_COUNT_FOR, "most_syncs": self.most_syncs}
        if idempotency_key is None:
            return await job_requests.enqueue(partial(self.database.rows, studio=key.studio), values)
        values |= {"idempotency_key": idempotency_key, "key_holds": KEY_HOLDS, "most_keys": self.most_keys}
        return await job_requests.enqueue_once(self.database, values)

    async def claim(
        self, worker: UUID, limit: int, lease: timedelta, limits: ClaimLimits = NO_LIMITS
    ) -> Sequence[ClaimedJob]:
        note_asking()
        values = {"worker": worker, "limit": limit, "lease": lease}
        if limits.platforms:
            claimed = await limited_claims.claim(self.database, values, limits)
        else:
            claimed = await self.database.rows(job_statements.CLAIM, values, studio=EVERY_STUDIO, within=BATCH)
        return [
            ClaimedJob(job=to_job(row[: job_rows.WIDTH]), connection=to_connection(row[job_rows.WIDTH :]))
            for row in claimed
        ]

    async def renew(self, leases: Sequence[JobLease], lease: timedelta) -> frozenset[UUID]:
        if not leases:
            return frozenset()
        values = {"ids": [held.job_id for held in leases], "fences": [held.fence for held in leases], "lease": lease}
        return frozenset(row[0] for row in await self.database.rows(job_statements.RENEW, values, studio=EVERY_STUDIO))

    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        if not results:
            return frozenset()
        given = encoded([_given(position, result) for position, result in enumerate(results)])
        ended = await self.database.rows(job_statements.FINISH, (given,), studio=EVERY_STUDIO, within=BATCH)
        return frozenset(without_notices(ended))

    async def reclaim(self, limit: int) -> int:
        reclaimed = await self.database.rows(job_statements.RECLAIM, (limit,), studio=EVERY_STUDIO, within=BATCH)
        return len(without_notices(reclaimed))

    async def cancel(self, key: ConnectionKey, frequency: Frequency | None) -> Sequence[SyncJob]:
        exists, cancelled = await self._cancel(job_cancelling.CANCEL, key.studio, _rhythm(key, frequency))
        if not exists:
            raise ConnectionNotFound(key.platform)
        return cancelled

    async def cancel_one(self, studio: str, job_id: UUID) -> SyncJob:
        _, cancelled = await self._cancel(job_cancelling.CANCEL_ONE, studio, {"studio": studio, "id": job_id})
        for job in cancelled:
            return job
        raise JobEnded((await self.get(studio, job_id)).state)

    async def _cancel(
        self, statement: str, studio: str, values: Mapping[str, object]
    ) -> tuple[bool, Sequence[SyncJob]]:
        """Whether there is what they belong to, and the jobs that were cancelled."""
        found = await self.database.rows(statement, values, studio=studio)
        return found[0][0], [to_job(row[2:]) for row in found if row[2] is not None]

    async def get(self, studio: str, job_id: UUID) -> SyncJob:
        for row in await self.database.rows(job_statements.GET, (studio, job_id), studio=studio):
            return to_job(row)
        raise NotFound("There is no such job. Jobs are kept for a while after they ended.")

    async def active(self, studio: str) -> Sequence[SyncJob]:
        return [to_job(row) for row in await self.database.rows(job_statements.ACTIVE, (studio,), studio=studio)]

    async def queue_state(self, studio: str | None) -> QueueState:
        return await queue_state.read(self.database, studio)

    async def next_run_at(self, limits: ClaimLimits = NO_LIMITS) -> datetime | None:
        if limits.platforms:
            return await limited_claims.next_run_at(self.database, limits)
        [(instant,)] = await self.database.rows(job_statements.NEXT_RUN, studio=EVERY_STUDIO)
        return instant if isinstance(instant, datetime) else None

    async def wait_for_work(self, at_most: timedelta) -> None:
        await self.database.wakeups.wait(at_most)

    async def wait_for_cancellation(self, at_most: timedelta) -> bool:
        return await self.database.wakeups.wait(at_most, CANCELLED)

    async def prune(self, finished_before: timedelta, logged_before: timedelta, limit: int) -> int:
        values = {
            "finished_before": finished_before,
            "logged_before": logged_before,
            "key_holds": KEY_HOLDS,
            "limit": limit,
        }
        [(count,)] = await self.database.rows(job_statements.PRUNE, values, studio=EVERY_STUDIO, within=LONG)
        return int(count)


def _rhythm(key: ConnectionKey, frequency: Frequency | None) -> dict[str, object]:
    return {
        "studio": key.studio,
        "platform": key.platform,
        "frequency": None if frequency is None else frequency.value,
    }


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
        "judged_token_version": result.judged_token_version,
        "cause": cause(result.error_code, result.error_message) if lengthens(result) else None,
    }
