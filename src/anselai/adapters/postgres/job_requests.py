"""Asking for a job, with an idempotency key or without.

A key's row is locked before anything else; from there on locks are taken in the order of job_statements.py.
"""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from anselai.adapters.postgres import job_rows, job_statements
from anselai.adapters.postgres.database import Connection, Database, Row, rows
from anselai.adapters.postgres.job_rows import to_job
from anselai.domain.errors import (
    ConnectionNotFound,
    IdempotencyKeyReused,
    StoreUnavailable,
    TooManyIdempotencyKeys,
    TooManySyncs,
)
from anselai.domain.ports.jobs import QueuedJob

_ROUNDS: Final = 5

Ask = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]

# One row: whether the connection exists, whether the studio used up its keys, and whether the key is this request's
# from now on. Its row stays locked until its job is known: whoever comes with the key at the same time waits for that.
TAKE_KEY: Final = """
WITH connection AS (
    SELECT studio, platform FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s
), too_many AS (
    SELECT FROM sync_requests
    WHERE studio = %(studio)s AND requested_at > statement_timestamp() - %(key_holds)s
    OFFSET %(most_keys)s - 1 LIMIT 1
), taken AS (
    INSERT INTO sync_requests AS r (studio, idempotency_key, platform, frequency, job_id, requested_at)
    SELECT studio, %(idempotency_key)s, platform, %(frequency)s, %(id)s, statement_timestamp()
    FROM connection WHERE NOT EXISTS (SELECT FROM too_many)
    ON CONFLICT (studio, idempotency_key) DO UPDATE SET
        platform = excluded.platform, frequency = excluded.frequency, job_id = excluded.job_id,
        requested_at = excluded.requested_at
    WHERE r.requested_at <= statement_timestamp() - %(key_holds)s
    RETURNING 1
)
SELECT EXISTS (SELECT FROM connection), EXISTS (SELECT FROM too_many), EXISTS (SELECT FROM taken)
"""

# The job that was there already is the one that the key stands for.
_KEEP_JOB: Final = """
UPDATE sync_requests SET job_id = %(job_id)s WHERE studio = %(studio)s AND idempotency_key = %(idempotency_key)s
RETURNING 1
"""

# What the key stands for, if it holds: platform, frequency, and the job, or nothing if that is not kept any more.
KNOWN_KEY: Final = f"""
SELECT r.platform, r.frequency, {job_rows.of("j")}
FROM sync_requests r LEFT JOIN sync_jobs j ON j.id = r.job_id
WHERE r.studio = %(studio)s AND r.idempotency_key = %(idempotency_key)s
    AND r.requested_at > statement_timestamp() - %(key_holds)s
"""

# Unless somebody else did, and took it anew.
_FREE_KEY: Final = """
DELETE FROM sync_requests r WHERE r.studio = %(studio)s AND r.idempotency_key = %(idempotency_key)s
    AND NOT EXISTS (SELECT FROM sync_jobs j WHERE j.id = r.job_id)
RETURNING 1
"""


async def enqueue(ask: Ask, values: Mapping[str, Any]) -> QueuedJob:
    for _ in range(_ROUNDS):
        [(exists, too_many, _notified, deduplicated, *job)] = await ask(job_statements.ENQUEUE, values)
        if not exists:
            raise ConnectionNotFound(values["platform"])
        if too_many:
            raise TooManySyncs(values["most_syncs"])
        if deduplicated is not None:
            return QueuedJob(job=to_job(tuple(job)), deduplicated=deduplicated)
    raise StoreUnavailable  # jobs of this connection came and went five times in a row


async def enqueue_once(database: Database, values: Mapping[str, Any]) -> QueuedJob:
    """The same, unless the idempotency key stands for a job already. Key and job are stored together."""

    async def take(connection: Connection) -> QueuedJob | None:
        async with connection.transaction():
            return await _take_key(partial(rows, connection), values)

    for _ in range(_ROUNDS):
        for platform, frequency, *job in await database.rows(KNOWN_KEY, values, studio=values["studio"]):
            if job[0] is None:
                await database.rows(_FREE_KEY, values, studio=values["studio"])
            elif (platform, frequency) != (values["platform"], values["frequency"]):
                raise IdempotencyKeyReused(platform, frequency)
            else:
                return QueuedJob(job=to_job(tuple(job)), deduplicated=True)
        queued = await database.act(take, studio=values["studio"])
        if queued is not None:
            return queued
    raise StoreUnavailable  # what the key stood for came and went five times in a row


async def _take_key(ask: Ask, values: Mapping[str, Any]) -> QueuedJob | None:
    """The job that the key stands for from now on; None if somebody else took it meanwhile."""
    [(connected, too_many, taken)] = await ask(TAKE_KEY, values)
    if taken:
        queued = await enqueue(ask, values)
        if queued.deduplicated:
            await ask(_KEEP_JOB, {**values, "job_id": queued.job.id})
        return queued
    if not connected and not await ask(KNOWN_KEY, values):
        raise ConnectionNotFound(values["platform"])
    if too_many and not await ask(KNOWN_KEY, values):
        raise TooManyIdempotencyKeys(values["most_keys"])
    return None
