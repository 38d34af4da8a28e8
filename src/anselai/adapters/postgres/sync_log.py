"""The log in PostgreSQL."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from anselai.adapters.postgres.database import Database, Row
from anselai.domain.frequency import Frequency
from anselai.domain.ports.sync_log import ApiError, LogEntry, LogQuery, SyncLog
from anselai.domain.sync_job import Outcome, Trigger
from anselai.domain.text import storable

_COLUMNS: Final = (
    "id, studio, platform, trigger, outcome, logged_at, frequency, job_id, slot_at, slot_last_at, count, attempt,"
    " started_at, finished_at, records, api_calls, simulated, error_class, error_code, message, route, request_id"
)

# Only the conditions that were asked for, so that the planner sees a range of one index and not a list of maybes.
_CONDITIONS: Final = {
    "platform": "platform = %(platform)s",
    "frequency": "frequency = %(frequency)s",
    "outcome": "outcome = %(outcome)s",
    "trigger": "trigger = %(trigger)s",
    "since": "logged_at >= %(since)s",
    "until": "logged_at < %(until)s",
    "before_id": "id < %(before_id)s",
}

_ATTEMPTS: Final = f"SELECT {_COLUMNS} FROM sync_log WHERE studio = %s AND job_id = %s ORDER BY id"

# PostgreSQL has no skip scan before version 18, and there only sometimes: from each platform and frequency, this jumps
# to the next in ix_sync_log_runs, instead of reading months of rows to keep a dozen.
_RUN: Final = """
SELECT line FROM sync_log AS line
WHERE studio = %(studio)s AND outcome IN ('succeeded', 'failed', 'stalled', 'retrying') {after}
ORDER BY platform, frequency, id DESC LIMIT 1
"""
_AFTER: Final = "AND (platform, frequency) > ((newest.run).platform, (newest.run).frequency)"
LAST_RUNS: Final = f"""
WITH RECURSIVE newest (run) AS (
    ({_RUN.format(after="")})
    UNION ALL
    SELECT ({_RUN.format(after=_AFTER)}) FROM newest WHERE (newest.run).id IS NOT NULL
)
SELECT {", ".join(f"(run).{name.strip()}" for name in _COLUMNS.split(","))} FROM newest WHERE (run).id IS NOT NULL
"""

_RECORD_API_ERROR: Final = """
INSERT INTO sync_log AS l (studio, trigger, outcome, error_code, message, route, request_id, count, minute)
VALUES (%s, 'api', 'api_error', %s, left(%s, 1000), %s, %s, %s, date_trunc('minute', statement_timestamp()))
ON CONFLICT (studio, route, error_code, minute) WHERE outcome = 'api_error'
DO UPDATE SET count = l.count + excluded.count
RETURNING id
"""


def statement_of(query: LogQuery) -> tuple[str, dict[str, Any]]:
    """The statement that asks for these rows, and its values."""
    asked = {name: getattr(query, name) for name in _CONDITIONS if getattr(query, name) is not None}
    conditions = " AND ".join(["studio = %(studio)s", *(_CONDITIONS[name] for name in asked)])
    statement = f"SELECT {_COLUMNS} FROM sync_log WHERE {conditions} ORDER BY id DESC LIMIT %(limit)s"
    return statement, {"studio": query.studio, "limit": query.limit} | asked


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSyncLog(SyncLog):
    database: Database

    async def query(self, query: LogQuery) -> Sequence[LogEntry]:
        return [_to_entry(row) for row in await self.database.rows(*statement_of(query), studio=query.studio)]

    async def attempts(self, studio: str, job_id: UUID) -> Sequence[LogEntry]:
        return [_to_entry(row) for row in await self.database.rows(_ATTEMPTS, (studio, job_id), studio=studio)]

    async def last_runs(self, studio: str) -> Sequence[LogEntry]:
        return [_to_entry(row) for row in await self.database.rows(LAST_RUNS, {"studio": studio}, studio=studio)]

    async def record_api_error(self, error: ApiError) -> None:
        kept = storable(error)
        values = (kept.studio, kept.code, kept.message, kept.route, kept.request_id, kept.count)
        await self.database.rows(_RECORD_API_ERROR, values, studio=kept.studio)


def _to_entry(row: Row) -> LogEntry:
    (
        entry_id,
        studio,
        platform,
        trigger,
        outcome,
        logged_at,
        frequency,
        job_id,
        slot_at,
        slot_last_at,
        count,
        attempt,
        started_at,
        finished_at,
        records,
        api_calls,
        simulated,
        error_class,
        error_code,
        message,
        route,
        request_id,
    ) = row
    return LogEntry(
        id=entry_id,
        studio=studio,
        platform=platform,
        trigger=Trigger(trigger),
        outcome=Outcome(outcome),
        logged_at=logged_at,
        frequency=None if frequency is None else Frequency(frequency),
        job_id=job_id,
        slot_at=slot_at,
        slot_last_at=slot_last_at,
        count=count,
        attempt=attempt,
        started_at=started_at,
        finished_at=finished_at,
        records=records,
        api_calls=api_calls,
        simulated=simulated,
        error_class=error_class,
        error_code=error_code,
        message=message,
        route=route,
        request_id=request_id,
    )
