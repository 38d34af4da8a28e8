"""How jobs and slots turn into rows of the log."""

from datetime import datetime

from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import SlotRange, SyncSchedule
from anselai.domain.sync_job import AttemptResult, Outcome, SyncJob, Trigger

NEXT_ID = 0  # the log book gives the real one


def attempt_row(job: SyncJob, outcome: Outcome, now: datetime, *, message: str | None = None) -> LogEntry:
    """An attempt that its own run told nothing of. A job that was never claimed has none: its row has no attempt."""
    return LogEntry(
        id=NEXT_ID,
        studio=job.key.studio,
        platform=job.key.platform,
        trigger=job.trigger,
        outcome=outcome,
        logged_at=now,
        frequency=job.frequency,
        job_id=job.id,
        slot_at=job.slot_at,
        slot_last_at=job.slot_at,
        attempt=job.attempt or None,
        started_at=job.started_at,
        finished_at=now,
        message=message,
    )


def result_row(job: SyncJob, result: AttemptResult, now: datetime) -> LogEntry:
    return LogEntry(
        id=NEXT_ID,
        studio=job.key.studio,
        platform=job.key.platform,
        trigger=job.trigger,
        outcome=result.outcome,
        logged_at=now,
        frequency=job.frequency,
        job_id=job.id,
        slot_at=job.slot_at,
        slot_last_at=job.slot_at,
        attempt=job.attempt,
        started_at=job.started_at,
        finished_at=now,
        records=result.records,
        api_calls=result.api_calls,
        simulated=result.simulated,
        error_class=result.error_class,
        error_code=result.error_code,
        message=result.error_message,
    )


def slots_row(schedule: SyncSchedule, slots: SlotRange, now: datetime) -> LogEntry:
    return LogEntry(
        id=NEXT_ID,
        studio=schedule.key.studio,
        platform=schedule.key.platform,
        trigger=Trigger.SCHEDULE,
        outcome=slots.outcome,
        logged_at=now,
        frequency=schedule.frequency,
        slot_at=slots.first,
        slot_last_at=slots.last,
        count=slots.count,
        message=slots.reason,
    )
