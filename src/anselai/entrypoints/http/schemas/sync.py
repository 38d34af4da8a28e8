"""Schedules, jobs and the state of syncing on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from anselai.application.views import (
    JobView,
    PlatformStatus,
    ScheduleStatus,
    ScheduleView,
    SwitchedSchedule,
    SyncStatus,
)
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from anselai.entrypoints.http.schemas.connections import ConnectionJson, ErrorJson, last_error
from anselai.entrypoints.http.schemas.log import LogRow
from anselai.entrypoints.http.schemas.shape import Input, Output, Switch, Text


class SyncNow(Input):
    frequency: Frequency | None = None


class ScheduleChange(Input):
    """What is left out stays as it is; with a frequency alone the schedule is switched on."""

    frequency: Frequency
    cron: Text | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET
    enabled: Switch | UnsetType = UNSET
    catch_up: CatchUp | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not UNSET}


class ScheduleJson(Output):
    platform: str
    frequency: str
    brings: str
    cron: str
    timezone: str
    enabled: bool
    catch_up: str
    next_run_at: datetime | None
    disabled_reason: str | None
    failures_in_row: int
    warning: str | None

    @classmethod
    def of(cls, view: ScheduleView) -> "ScheduleJson":
        return cls(
            platform=view.platform,
            frequency=view.frequency,
            brings=view.brings,
            cron=view.cron,
            timezone=view.timezone,
            enabled=view.enabled,
            catch_up=view.catch_up,
            next_run_at=view.next_run_at,
            disabled_reason=view.disabled_reason,
            failures_in_row=view.failures_in_row,
            warning=view.warning,
        )


class SwitchedScheduleJson(ScheduleJson):
    """A schedule that was to be paused or resumed; `changed` unless it was so already."""

    changed: bool

    @classmethod
    def of_switched(cls, switched: SwitchedSchedule) -> "SwitchedScheduleJson":
        return cls(**asdict(ScheduleJson.of(switched.schedule)), changed=switched.changed)


class JobJson(Output):
    """`deduplicated` is told when a sync was asked for, `attempts` when one job was asked for or cancelled."""

    id: UUID
    platform: str
    frequency: str
    trigger: str
    state: str
    slot_at: datetime | None
    run_after: datetime
    attempt: int
    records: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    last_error: ErrorJson | None
    deduplicated: bool | UnsetType = UNSET
    attempts: tuple[LogRow, ...] | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        view: JobView,
        *,
        deduplicated: bool | UnsetType = UNSET,
        attempts: tuple[LogRow, ...] | UnsetType = UNSET,
    ) -> "JobJson":
        return cls(
            id=view.id,
            platform=view.platform,
            frequency=view.frequency,
            trigger=view.trigger,
            state=view.state,
            slot_at=view.slot_at,
            run_after=view.run_after,
            attempt=view.attempt,
            records=view.records,
            created_at=view.created_at,
            started_at=view.started_at,
            finished_at=view.finished_at,
            last_error=last_error(view.error_code, view.error),
            deduplicated=deduplicated,
            attempts=attempts,
        )

    @classmethod
    def with_attempts(cls, view: JobView) -> "JobJson":
        return cls.of(view, attempts=tuple(LogRow.of(each) for each in view.attempts))


class ScheduleStatusJson(ScheduleJson):
    """A schedule with its newest attempt, and the job of it that is queued or running."""

    last_run: LogRow | None
    job: JobJson | None

    @classmethod
    def with_runs(cls, status: ScheduleStatus) -> "ScheduleStatusJson":
        return cls(
            **asdict(ScheduleJson.of(status.schedule)),
            last_run=None if status.last_run is None else LogRow.of(status.last_run),
            job=None if status.job is None else JobJson.of(status.job),
        )


class PlatformStatusJson(Output):
    platform: str
    label: str
    simulated: bool
    connection: ConnectionJson | None
    schedules: tuple[ScheduleStatusJson, ...]

    @classmethod
    def of(cls, status: PlatformStatus) -> "PlatformStatusJson":
        return cls(
            platform=status.platform,
            label=status.label,
            simulated=status.simulated,
            connection=None if status.connection is None else ConnectionJson.of(status.connection),
            schedules=tuple(ScheduleStatusJson.with_runs(each) for each in status.schedules),
        )


class WorkerJson(Output):
    id: UUID
    host: str
    pid: int
    started_at: datetime
    last_beat_at: datetime


class SyncStatusJson(Output):
    platforms: tuple[PlatformStatusJson, ...]
    queued: int
    due: int
    oldest_due_at: datetime | None
    running: int
    stalled: int
    workers: tuple[WorkerJson, ...]

    @classmethod
    def of(cls, status: SyncStatus) -> "SyncStatusJson":
        return cls(
            platforms=tuple(PlatformStatusJson.of(each) for each in status.platforms),
            queued=status.queued,
            due=status.due,
            oldest_due_at=status.oldest_due_at,
            running=status.running,
            stalled=status.stalled,
            workers=tuple(
                WorkerJson(
                    id=each.id,
                    host=each.host,
                    pid=each.pid,
                    started_at=each.started_at,
                    last_beat_at=each.last_beat_at,
                )
                for each in status.workers
            ),
        )
