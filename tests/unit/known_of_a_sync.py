"""What is known of an hourly sync of google at NOON, for tests of how it is explained."""

from datetime import datetime, timedelta
from typing import Any

from anselai.application.explain import Facts, explain
from anselai.application.views import ScheduleView
from anselai.domain.frequency import Frequency
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.sync_job import JobState, Outcome, SyncJob, Trigger
from tests.fakes import NOON
from tests.samples import GOOGLE, a_connection, a_schedule, some_id

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT_13_17 = NOON - timedelta(minutes=43)  # in Berlin, where it is 14:00 now
AT_14_17 = AT_13_17 + HOUR
JOB = some_id()
LIMITED: dict[str, Any] = {"error_code": "PLATFORM_RATE_LIMITED", "message": "Google asks to wait"}


def facts(*rows: LogEntry, schedule: dict[str, Any] | None = None, **known: Any) -> Facts:
    """A healthy connection whose hourly schedule comes next at 14:17 in Berlin, with these rows, newest first."""
    kept: dict[str, Any] = {"next_slot_at": AT_14_17, "timezone": "Europe/Berlin"} | (schedule or {})
    values: dict[str, Any] = {
        "now": NOON,
        "connection": a_connection(),
        "schedule": ScheduleView.of(a_schedule(**kept)),
        "job": None,
        "rows": rows,
        "complete": True,
        "installed": True,
        "scheduler_runs": True,
    }
    return Facts(**values | known)


def row(outcome: Outcome, slot_at: datetime | None = AT_13_17, **fields: Any) -> LogEntry:
    """A row of the hourly sync: an attempt of JOB for the outcomes that end one, and of no job for all others."""
    values: dict[str, Any] = {
        "id": 1,
        "studio": "default",
        "platform": "google",
        "trigger": Trigger.SCHEDULE if slot_at else Trigger.MANUAL,
        "logged_at": AT_13_17 + MINUTE,
        "frequency": Frequency.HOURLY,
        "slot_at": slot_at,
        "slot_last_at": slot_at,
    }
    if outcome in ENDINGS:
        began = AT_13_17 + timedelta(seconds=5)
        values |= {"job_id": JOB, "attempt": 1, "started_at": began, "finished_at": began + timedelta(seconds=3)}
    return LogEntry(outcome=outcome, **values | fields)


ENDINGS = {
    Outcome.SUCCEEDED,
    Outcome.FAILED,
    Outcome.STALLED,
    Outcome.RETRYING,
    Outcome.ABANDONED,
    Outcome.RELEASED,
    Outcome.CANCELLED,
}


def a_job(state: JobState = JobState.QUEUED, **fields: Any) -> SyncJob:
    values: dict[str, Any] = {
        "id": JOB,
        "key": GOOGLE,
        "frequency": Frequency.HOURLY,
        "trigger": Trigger.SCHEDULE,
        "slot_at": AT_13_17,
        "state": state,
        "run_after": AT_13_17,
        "created_at": AT_13_17,
    }
    return SyncJob(**values | fields)


def sentences(*rows: LogEntry, **known: Any) -> list[str]:
    return list(explain(facts(*rows, **known)).sentences)


def headline(**known: Any) -> str:
    return explain(facts(**known)).headline
