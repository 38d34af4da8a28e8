"""The statements that end jobs before their time. Locks are taken in the order of job_statements.py."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from typing import Final

from anselai.adapters.postgres import job_rows
from anselai.adapters.postgres.wakeups import NOTIFY, NOTIFY_CANCELLED

# What ends a job that is queued or running: its worker, if it has one, is fenced off.
CANCELLED: Final = """
    state = 'cancelled', fence = fence + 1, worker = NULL, lease_expires_at = NULL, finished_at = statement_timestamp()
"""


def log_cancelled(*, of: str, because: str) -> str:
    """The jobs among `of` get their rows in the log. A job that was never claimed has no attempt."""
    return f"""
    INSERT INTO sync_log
        (studio, platform, trigger, outcome, frequency, job_id, slot_at, slot_last_at, attempt, started_at, finished_at,
        message)
    SELECT studio, platform, trigger, 'cancelled', frequency, id, slot_at, slot_at, nullif(attempt, 0), started_at,
        statement_timestamp(), '{because}'
    FROM {of}
"""


def _cancel(*, jobs: str, exists: str) -> str:
    return f"""
WITH held AS (
    SELECT id FROM sync_jobs WHERE studio = %(studio)s AND {jobs} AND state IN ('queued', 'running')
    ORDER BY id FOR UPDATE
), ended AS (
    UPDATE sync_jobs SET {CANCELLED} WHERE id = ANY (ARRAY(SELECT id FROM held)) RETURNING *
), logged AS ({log_cancelled(of="ended", because="cancelled by a person")})
SELECT EXISTS ({exists}), CASE WHEN ended.id IS NOT NULL THEN concat({NOTIFY}, {NOTIFY_CANCELLED}) END,
    {job_rows.of("ended")}
FROM (VALUES (1)) AS one LEFT JOIN ended ON true
ORDER BY ended.run_after, ended.id
"""


# Rows with the jobs that were cancelled; one without a job if there were none.
CANCEL: Final = _cancel(
    jobs="platform = %(platform)s AND frequency = coalesce(%(frequency)s, frequency)",
    exists="SELECT FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s",
)
CANCEL_ONE: Final = _cancel(
    jobs="id = %(id)s", exists="SELECT FROM sync_jobs WHERE studio = %(studio)s AND id = %(id)s"
)
