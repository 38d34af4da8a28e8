"""Schedule syncs, run them now, and tell when they come and how they went."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from anselai.application.slot_planner import SlotPlanner
from anselai.application.views import (
    ConnectionView,
    JobView,
    LogPage,
    PlatformStatus,
    ScheduleStatus,
    ScheduleView,
    SyncStatus,
)
from anselai.domain.connection import DEFAULT_STUDIO, ConnectionKey
from anselai.domain.errors import InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.platform_client import PlatformInfo, Platforms
from anselai.domain.ports.schedules import Schedules
from anselai.domain.ports.sync_log import LogQuery, SyncLog
from anselai.domain.ports.timetable import Timetable
from anselai.domain.ports.workers import Workers
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import JobState, Outcome, Trigger

ALIVE_WITHIN = timedelta(seconds=30)
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncScheduler:
    """The schedules and runs of a studio. Every method raises UnknownPlatform for a platform that is not installed,
    and StoreUnavailable.
    """

    connections: Connections
    schedules: Schedules
    jobs: SyncJobs
    sync_log: SyncLog
    workers: Workers
    platforms: Platforms
    timetable: Timetable
    planner: SlotPlanner
    clock: Clock
    ids: Ids

    async def schedule_sync(
        self,
        platform: str,
        frequency: Frequency | str,
        *,
        cron: str | None = None,
        timezone: str | None = None,
        enabled: bool | None = None,
        catch_up: CatchUp | str | None = None,
        studio: str = DEFAULT_STUDIO,
    ) -> ScheduleView:
        """Change the given parts of a schedule; `enabled=False` pauses it. Without parts it is switched on as it is.

        Slots that were due before the change are accounted for first. Raises ConnectionNotFound, ConnectionChanged,
        InvalidInput.
        """
        self.platforms.get(platform)
        key, rhythm = ConnectionKey(studio, platform), _frequency(frequency)
        stored = await self.schedules.get(key, rhythm)
        now = await self.planner.settle(key, rhythm, give_up=cron is not None or timezone is not None)
        if stored.next_slot_at <= now:
            stored = await self.schedules.get(key, rhythm)
        switched_on = enabled if enabled is not None else (stored.enabled or (cron, timezone, catch_up) == (None,) * 3)
        changed = replace(
            stored,
            cron=stored.cron if cron is None else _one_spaced(cron),
            timezone=stored.timezone if timezone is None else timezone,
            enabled=switched_on,
            catch_up=stored.catch_up if catch_up is None else _catch_up(catch_up),
            disabled_reason=None if switched_on else (stored.disabled_reason or "switched off by a person"),
        )
        if (changed.cron, changed.timezone) != (stored.cron, stored.timezone):
            self.timetable.check(changed.cron, changed.timezone)
            next_slot_at = self.timetable.next_after(rhythm, changed.cron, changed.timezone, now)
            changed = replace(changed, next_slot_at=next_slot_at)
        return ScheduleView.of(await self.schedules.save(changed))

    async def run_sync_now(
        self, platform: str, frequency: Frequency | str | None = None, *, studio: str = DEFAULT_STUDIO
    ) -> JobView:
        """Queue a sync at once. One that is queued or running already is returned instead, as `deduplicated`.

        Without a frequency any active sync of the platform counts, and a new one is daily. Raises ConnectionNotFound.
        """
        self.platforms.get(platform)
        rhythm = None if frequency is None else _frequency(frequency)
        queued = await self.jobs.enqueue(self.ids.new(), ConnectionKey(studio, platform), rhythm)
        return JobView.of(queued.job, deduplicated=queued.deduplicated)

    async def get_next_sync(
        self, platform: str, frequency: Frequency | str | None = None, *, studio: str = DEFAULT_STUDIO
    ) -> datetime | None:
        """When the platform is synced next, or that frequency of it; None while every such schedule is off.

        Raises ConnectionNotFound.
        """
        self.platforms.get(platform)
        key = ConnectionKey(studio, platform)
        rhythms = tuple(Frequency) if frequency is None else (_frequency(frequency),)
        schedules = [await self.schedules.get(key, each) for each in rhythms]
        return min((each.next_slot_at for each in schedules if each.enabled), default=None)

    async def get_job(self, job_id: UUID, *, studio: str = DEFAULT_STUDIO) -> JobView:
        """One job with its attempts, oldest first. Raises NotFound."""
        job = await self.jobs.get(studio, job_id)
        return JobView.of(job, attempts=tuple(await self.sync_log.attempts(studio, job_id)))

    async def status(self, *, studio: str = DEFAULT_STUDIO) -> SyncStatus:
        """Every platform with its connection, schedules, last runs and jobs, and the daemons that are alive."""
        connections = {each.key.platform: each for each in await self.connections.list(studio)}
        schedules = await self.schedules.list(studio)
        jobs = await self.jobs.active(studio)
        active = {(job.key.platform, job.frequency): JobView.of(job) for job in jobs}
        last_runs = {(row.platform, row.frequency): row for row in await self.sync_log.last_runs(studio)}
        installed = {each.name: each for each in self.platforms.all()}
        now = self.clock.now()
        platforms = []
        for name in sorted(installed.keys() | connections.keys()):
            info = installed.get(name) or PlatformInfo(name=name, label=f"{name} (not installed)")
            connection = connections.get(name)
            platforms.append(
                PlatformStatus(
                    platform=name,
                    label=info.label,
                    simulated=info.simulated,
                    connection=None if connection is None else ConnectionView.of(connection, now),
                    schedules=tuple(
                        ScheduleStatus(
                            schedule=ScheduleView.of(each),
                            last_run=last_runs.get((name, each.frequency)),
                            job=active.get((name, each.frequency)),
                        )
                        for each in schedules
                        if each.key.platform == name
                    ),
                )
            )
        return SyncStatus(
            platforms=tuple(platforms),
            queued=sum(job.state is JobState.QUEUED for job in jobs),
            running=sum(job.state is JobState.RUNNING for job in jobs),
            workers=tuple(await self.workers.alive(ALIVE_WITHIN)),
        )

    async def log(
        self,
        *,
        platform: str | None = None,
        outcome: Outcome | None = None,
        trigger: Trigger | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
        studio: str = DEFAULT_STUDIO,
    ) -> LogPage:
        """A page of the log, newest first; `next_cursor` asks for the page after it. Raises InvalidInput."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput.of("limit", f"must be from 1 to {LARGEST_PAGE}")
        rows = await self.sync_log.query(
            LogQuery(
                studio=studio,
                platform=platform,
                outcome=outcome,
                trigger=trigger,
                since=since,
                until=until,
                limit=limit + 1,  # one more tells whether there is a next page
                before_id=None if cursor is None else _decode(cursor),
            )
        )
        page = tuple(rows[:limit])
        return LogPage(entries=page, next_cursor=_encode(page[-1].id) if len(rows) > limit else None)


def _one_spaced(cron: object) -> str:
    if not isinstance(cron, str):
        raise InvalidInput.of("cron", "must be text")
    return " ".join(cron.split())


def _frequency(value: Frequency | str) -> Frequency:
    try:
        return Frequency(value)
    except ValueError:
        raise InvalidInput.of("frequency", f"must be one of {_names(tuple(Frequency))}") from None


def _catch_up(value: CatchUp | str) -> CatchUp:
    try:
        return CatchUp(value)
    except ValueError:
        raise InvalidInput.of("catchUp", f"must be one of {_names(tuple(CatchUp))}") from None


def _names(values: Sequence[str]) -> str:
    return ", ".join(str(each) for each in values)


def _encode(row_id: int) -> str:
    return base64.urlsafe_b64encode(str(row_id).encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        row_id = int(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        row_id = -1
    if not 0 < row_id < 2**63:
        raise InvalidInput.of("cursor", "is not a cursor of this log: use the nextCursor of a page")
    return row_id
