"""A job as a row, in the order that every statement selects it."""

from anselai.adapters.postgres.database import Row
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import JobState, SyncJob, Trigger

COLUMNS = (
    "id, studio, platform, frequency, trigger, slot_at, state, run_after, created_at, attempt, failures,"
    " partial_failures, fence, cursor, records, started_at, finished_at, lease_expires_at, last_error_code, last_error"
)
WIDTH = COLUMNS.count(",") + 1


def of(alias: str) -> str:
    """The columns of a table that goes by an alias in a statement."""
    return ", ".join(f"{alias}.{name.strip()}" for name in COLUMNS.split(","))


def to_job(row: Row) -> SyncJob:
    (
        job_id,
        studio,
        platform,
        frequency,
        trigger,
        slot_at,
        state,
        run_after,
        created_at,
        attempt,
        failures,
        partial_failures,
        fence,
        cursor,
        records,
        started_at,
        finished_at,
        lease_expires_at,
        last_error_code,
        last_error,
    ) = row
    return SyncJob(
        id=job_id,
        key=ConnectionKey(studio, platform),
        frequency=Frequency(frequency),
        trigger=Trigger(trigger),
        slot_at=slot_at,
        state=JobState(state),
        run_after=run_after,
        created_at=created_at,
        attempt=attempt,
        failures=failures,
        partial_failures=partial_failures,
        fence=fence,
        cursor=cursor,
        records=records,
        started_at=started_at,
        finished_at=finished_at,
        lease_expires_at=lease_expires_at,
        last_error_code=last_error_code,
        last_error=last_error,
    )
