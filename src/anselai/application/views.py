"""What the outside may see. No view can hold a secret."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from anselai.domain import failure_streak
from anselai.domain.connection import ConnectionStatus, PlatformConnection
from anselai.domain.frequency import Frequency
from anselai.domain.insights import BusinessFigures, Period, PlatformFigures
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.ports.workers import Worker
from anselai.domain.schedule import CatchUp, SyncSchedule
from anselai.domain.sync_job import JobState, SyncJob, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection without its tokens. `status` is `expired` as soon as the access token is, whatever was stored."""

    platform: str
    account_id: str | None
    status: ConnectionStatus
    scopes: tuple[str, ...]
    token_expires_at: datetime | None
    has_refresh_token: bool
    last_sync_at: datetime | None
    last_error_code: str | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, connection: PlatformConnection, now: datetime) -> "ConnectionView":
        return cls(
            platform=connection.key.platform,
            account_id=connection.account_id,
            status=connection.status_at(now),
            scopes=connection.scopes,
            token_expires_at=connection.token_expires_at,
            has_refresh_token=connection.refresh_token is not None,
            last_sync_at=connection.last_sync_at,
            last_error_code=connection.last_error_code,
            last_error=connection.last_error,
            created_at=connection.created_at,
            updated_at=connection.updated_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTest:
    ok: bool
    status: ConnectionStatus
    simulated: bool
    checked_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """A schedule; `next_run_at` is None while it is switched off. `warning` is a sentence on one that keeps failing."""

    platform: str
    frequency: Frequency
    brings: str
    cron: str
    timezone: str
    enabled: bool
    catch_up: CatchUp
    next_run_at: datetime | None
    disabled_reason: str | None
    failures_in_row: int
    warning: str | None

    @classmethod
    def of(cls, schedule: SyncSchedule) -> "ScheduleView":
        return cls(
            platform=schedule.key.platform,
            frequency=schedule.frequency,
            brings=schedule.frequency.brings,
            cron=schedule.cron,
            timezone=schedule.timezone,
            enabled=schedule.enabled,
            catch_up=schedule.catch_up,
            next_run_at=schedule.next_slot_at if schedule.enabled else None,
            disabled_reason=schedule.disabled_reason,
            failures_in_row=schedule.failures_in_row,
            warning=failure_streak.warning(schedule),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job. `attempts` are its rows in the log, oldest first, where they were asked for."""

    id: UUID
    platform: str
    frequency: Frequency
    trigger: Trigger
    state: JobState
    slot_at: datetime | None
    run_after: datetime
    attempt: int
    records: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    error: str | None
    deduplicated: bool = False
    attempts: tuple[LogEntry, ...] = ()

    @classmethod
    def of(cls, job: SyncJob, *, deduplicated: bool = False, attempts: tuple[LogEntry, ...] = ()) -> "JobView":
        return cls(
            id=job.id,
            platform=job.key.platform,
            frequency=job.frequency,
            trigger=job.trigger,
            state=job.state,
            slot_at=job.slot_at,
            run_after=job.run_after,
            attempt=job.attempt,
            records=job.records,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            error_code=job.last_error_code,
            error=job.last_error,
            deduplicated=deduplicated,
            attempts=attempts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStatus:
    """A schedule with its newest attempt and the job that is queued or running."""

    schedule: ScheduleView
    last_run: LogEntry | None
    job: JobView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """A platform as the sync page shows it; `connection` is None while it is not connected."""

    platform: str
    label: str
    simulated: bool
    exchanges_token: bool  # for the next one, without a refresh token
    connection: ConnectionView | None
    schedules: tuple[ScheduleStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """Every installed platform, and every connection whose platform is no longer installed; and the queue.

    `due` of the `queued` may run now, the first of them since `oldest_due_at`. The lease of those `stalled` ran out,
    and nobody has taken them back yet; they do not count as `running`.
    """

    platforms: tuple[PlatformStatus, ...]
    queued: int
    due: int
    oldest_due_at: datetime | None
    running: int
    stalled: int
    workers: tuple[Worker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedSchedule:
    """A schedule that was to be paused or resumed; `changed` unless it was so already."""

    schedule: ScheduleView
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyExplanation:
    """When a sync runs next, in a sentence, and why things are as they are, in some more."""

    frequency: Frequency
    enabled: bool
    headline: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncExplanation:
    """Each sync of a platform explained: hourly, daily, weekly."""

    platform: str
    label: str
    frequencies: tuple[FrequencyExplanation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    entries: tuple[LogEntry, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformView:
    """An installed platform; `missing` and `configured` are names of settings, never values."""

    name: str
    label: str
    simulated: bool
    connected: bool
    configured: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The studio's figures in a period: its platforms, one by one, and its own business."""

    period: Period
    has_data: bool
    platforms: tuple[PlatformFigures, ...]
    business: BusinessFigures
