"""The statements of the queue. Each is one act: what it says happens together or not at all.

Locks are taken in one order, so that these do not deadlock: jobs, connections by their ids, schedules.
"""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from typing import Final

from anselai.adapters.postgres import connection_rows, job_rows
from anselai.adapters.postgres.streak_statements import forgotten, lengthened
from anselai.adapters.postgres.wakeups import NOTIFY
from anselai.domain import failure_streak, retry
from anselai.domain.errors import LeaseLost

# One row: whether the connection exists, whether the studio asked for too many, whether the job was there before, and
# the job. No job when another transaction queued one meanwhile; this statement cannot see it, the next one can. Locking
# the connection's row makes its removal wait until the new job is there to be cancelled, and holds up nothing else.
ENQUEUE: Final = f"""
WITH connection AS (
    SELECT studio, platform FROM platform_connections
    WHERE studio = %(studio)s AND platform = %(platform)s FOR KEY SHARE
), active AS (
    SELECT {job_rows.COLUMNS} FROM sync_jobs
    WHERE studio = %(studio)s AND platform = %(platform)s AND state IN ('queued', 'running')
        AND frequency = coalesce(%(frequency)s, frequency)
    ORDER BY run_after, id LIMIT 1
), forwarded AS (
    UPDATE sync_jobs SET run_after = statement_timestamp()
    WHERE id = (SELECT id FROM active) AND state = 'queued' AND run_after > statement_timestamp()
        AND (last_error_class IS DISTINCT FROM 'rate_limited' OR last_error_code = 'PLATFORM_PAUSED')
    RETURNING {job_rows.COLUMNS}
), too_many AS (
    SELECT FROM sync_jobs
    WHERE studio = %(studio)s AND slot_at IS NULL AND created_at > statement_timestamp() - %(count_for)s
    OFFSET %(most_syncs)s - 1 LIMIT 1
), added AS (
    INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, state, run_after)
    SELECT %(id)s, studio, platform, coalesce(%(frequency)s, 'daily'), 'manual', 'queued', statement_timestamp()
    FROM connection WHERE NOT EXISTS (SELECT FROM active) AND NOT EXISTS (SELECT FROM too_many)
    ON CONFLICT DO NOTHING
    RETURNING {job_rows.COLUMNS}
), answer AS (
    SELECT false AS deduplicated, added.* FROM added
    UNION ALL SELECT true, forwarded.* FROM forwarded
    UNION ALL SELECT true, active.* FROM active WHERE NOT EXISTS (SELECT FROM forwarded)
)
SELECT EXISTS (SELECT FROM connection), answer.id IS NULL AND EXISTS (SELECT FROM too_many),
    CASE WHEN EXISTS (SELECT FROM added) OR EXISTS (SELECT FROM forwarded) THEN {NOTIFY}::text END, answer.*
FROM (VALUES (1)) AS one LEFT JOIN answer ON true
"""

# What becomes of the jobs in `due`.
CLAIMED: Final = f"""claimed AS (
    UPDATE sync_jobs SET
        state = 'running', attempt = attempt + 1, fence = fence + 1, worker = %(worker)s,
        started_at = statement_timestamp(), lease_expires_at = statement_timestamp() + %(lease)s
    WHERE id = ANY (ARRAY(SELECT id FROM due))
    RETURNING {job_rows.COLUMNS}
)
SELECT {job_rows.of("j")}, {connection_rows.of("c")}
FROM claimed j JOIN platform_connections c USING (studio, platform)
ORDER BY j.run_after, j.id"""

CLAIM: Final = f"""
WITH due AS (
    SELECT id FROM sync_jobs
    WHERE state = 'queued' AND run_after <= statement_timestamp()
    ORDER BY run_after
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), {CLAIMED}
"""

# Never waits: a row that is locked is being written by its own run, or closed. It counts as held, and its lease is
# extended the next time. As nobody who locks several jobs waits for another, these statements cannot deadlock.
RENEW: Final = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(fences)s::bigint[]) AS g (id, fence)
), renewed AS (
    UPDATE sync_jobs SET lease_expires_at = statement_timestamp() + %(lease)s
    WHERE id = ANY (ARRAY(
        SELECT j.id FROM sync_jobs j JOIN given USING (id, fence) WHERE j.state = 'running'
        FOR UPDATE OF j SKIP LOCKED
    ))
)
SELECT j.id FROM sync_jobs j JOIN given USING (id, fence) WHERE j.state = 'running'
"""

# Connections are locked in the order of their ids: two workers may finish jobs of the same ones. They are counted so
# that they are locked before any schedule is.
FINISH: Final = f"""
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS g (
        id uuid, fence bigint, outcome text, next_state text, records bigint, api_calls integer, simulated boolean,
        retry_in interval, failures integer, partial_failures integer, error_class text, error_code text,
        error_message text, connection_status text, judged_token_version bigint, position integer, cause text
    )
), closed AS (
    UPDATE sync_jobs j SET
        state = given.next_state, failures = given.failures, partial_failures = given.partial_failures,
        run_after = CASE
            WHEN given.next_state = 'queued' THEN statement_timestamp() + given.retry_in ELSE j.run_after
        END,
        finished_at = CASE WHEN given.next_state <> 'queued' THEN statement_timestamp() END,
        worker = NULL, lease_expires_at = NULL,
        last_error_class = given.error_class, last_error_code = given.error_code,
        last_error = left(given.error_message, 1000)
    FROM given
    WHERE j.id = given.id AND j.fence = given.fence AND j.state = 'running'
    RETURNING given.*, j.studio, j.platform, j.trigger, j.frequency, j.slot_at, j.attempt, j.started_at, j.last_error
), logged AS (
    INSERT INTO sync_log
        (studio, platform, trigger, outcome, frequency, job_id, slot_at, slot_last_at, attempt, started_at, finished_at,
        records, api_calls, simulated, error_class, error_code, message)
    SELECT studio, platform, trigger, outcome, frequency, id, slot_at, slot_at, attempt, started_at,
        statement_timestamp(), records, api_calls, simulated, error_class, error_code, last_error
    FROM closed ORDER BY position
), learned AS (
    SELECT DISTINCT ON (studio, platform) studio, platform, error_code, last_error, judged_token_version,
        coalesce(connection_status, 'active') AS status,
        bool_or(outcome = 'succeeded') OVER (PARTITION BY studio, platform) AS succeeded
    FROM closed WHERE outcome = 'succeeded' OR connection_status IS NOT NULL
    ORDER BY studio, platform, position DESC
), locked AS (
    SELECT c.id, learned.*,
        (learned.status = 'active' OR c.token_version = learned.judged_token_version) AND NOT c.refresh_ended AS holds
    FROM platform_connections c JOIN learned USING (studio, platform)
    WHERE learned.succeeded OR (c.token_version = learned.judged_token_version AND NOT c.refresh_ended)
    ORDER BY c.id FOR NO KEY UPDATE OF c
), marked AS (
    UPDATE platform_connections c SET
        last_sync_at = CASE WHEN locked.succeeded THEN statement_timestamp() ELSE c.last_sync_at END,
        status = CASE WHEN locked.holds THEN locked.status ELSE c.status END,
        last_error_code = CASE WHEN locked.holds THEN locked.error_code ELSE c.last_error_code END,
        last_error = CASE WHEN locked.holds THEN locked.last_error ELSE c.last_error END,
        updated_at = statement_timestamp(), version = c.version + 1
    FROM locked WHERE c.id = locked.id
), failed AS (
    SELECT * FROM closed WHERE cause IS NOT NULL AND (SELECT count(*) FROM locked) >= 0
), succeeded AS (
    SELECT * FROM closed WHERE outcome = 'succeeded' AND (SELECT count(*) FROM locked) >= 0
), lengthened AS ({lengthened(of="failed")}), forgotten AS ({forgotten(of="succeeded")})
SELECT id, NULL::text[], CASE WHEN outcome = 'released' THEN {NOTIFY}::text END FROM closed
UNION ALL SELECT NULL, notice, NULL FROM lengthened WHERE notice IS NOT NULL
"""

ABANDONED: Final = "the worker stopped, or lost the database, before it finished"
_ABANDONED: Final = failure_streak.cause(LeaseLost.code, ABANDONED)

RECLAIM: Final = f"""
WITH lost AS (
    SELECT id FROM sync_jobs
    WHERE state = 'running' AND lease_expires_at <= statement_timestamp()
    ORDER BY lease_expires_at
    LIMIT %s
    FOR UPDATE SKIP LOCKED
), returned AS (
    UPDATE sync_jobs SET
        failures = failures + 1, worker = NULL, lease_expires_at = NULL,
        state = CASE WHEN failures + 1 < {retry.ATTEMPTS} THEN 'queued' ELSE 'failed' END,
        run_after = CASE WHEN failures + 1 < {retry.ATTEMPTS} THEN statement_timestamp() ELSE run_after END,
        finished_at = CASE WHEN failures + 1 < {retry.ATTEMPTS} THEN NULL ELSE statement_timestamp() END,
        last_error_class = 'transient', last_error_code = '{LeaseLost.code}',
        last_error = '{ABANDONED}'
    WHERE id = ANY (ARRAY(SELECT id FROM lost))
    RETURNING *
), logged AS (
    INSERT INTO sync_log
        (studio, platform, trigger, outcome, frequency, job_id, slot_at, slot_last_at, attempt, started_at, finished_at,
        error_class, error_code, message)
    SELECT studio, platform, trigger, outcome, frequency, id, slot_at, slot_at, attempt, started_at,
        statement_timestamp(), last_error_class, last_error_code, message
    FROM (
        SELECT returned.*, 'abandoned' AS outcome, last_error AS message FROM returned
        UNION ALL
        SELECT returned.*, 'failed', 'given up after {retry.ATTEMPTS} attempts that failed' FROM returned
        WHERE state = 'failed'
    ) AS lines
    ORDER BY id, outcome
), failed AS (
    SELECT returned.*, '{_ABANDONED}' AS cause FROM returned WHERE state = 'failed'
), lengthened AS ({lengthened(of="failed")})
SELECT id, NULL::text[] FROM returned UNION ALL SELECT NULL, notice FROM lengthened WHERE notice IS NOT NULL
"""

GET: Final = f"SELECT {job_rows.COLUMNS} FROM sync_jobs WHERE studio = %s AND id = %s"

ACTIVE: Final = f"""
SELECT {job_rows.COLUMNS} FROM sync_jobs WHERE studio = %s AND state IN ('queued', 'running') ORDER BY run_after, id
"""

NEXT_RUN: Final = """
SELECT least(
    (SELECT min(run_after) FROM sync_jobs WHERE state = 'queued'),
    (SELECT min(lease_expires_at) FROM sync_jobs WHERE state = 'running')
)
"""

# The log's ids grow with time, so its oldest rows are found without an index of their instants.
PRUNE: Final = """
WITH jobs AS (
    DELETE FROM sync_jobs WHERE id = ANY (ARRAY(
        SELECT id FROM sync_jobs WHERE finished_at < statement_timestamp() - %(finished_before)s
        ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING 1
), lines AS (
    DELETE FROM sync_log WHERE id = ANY (ARRAY(
        SELECT id FROM (SELECT id, logged_at FROM sync_log ORDER BY id LIMIT %(limit)s) AS oldest
        WHERE logged_at < statement_timestamp() - %(logged_before)s
    )) RETURNING 1
), old_keys AS (
    SELECT studio, idempotency_key FROM sync_requests WHERE requested_at <= statement_timestamp() - %(key_holds)s
    ORDER BY requested_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), keys AS (
    DELETE FROM sync_requests r USING old_keys o
    WHERE r.studio = o.studio AND r.idempotency_key = o.idempotency_key RETURNING 1
)
SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM lines) + (SELECT count(*) FROM keys)
"""
