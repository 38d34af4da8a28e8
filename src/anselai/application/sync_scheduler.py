"""Schedule syncs, run them now, and tell when they come and how they went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from anselai.application.audit import Audit
from anselai.application.log_pages import read_page
from anselai.application.slot_planner import SlotPlanner
from anselai.application.sync_explainer import SyncExplainer
from anselai.application.views import (
    ConnectionView,
    JobView,
    LogPage,
    PlatformStatus,
    ScheduleStatus,
    ScheduleView,
    SwitchedSchedule,
    SyncExplanation,
    SyncStatus,
)
from anselai.domain.audit import AuditAction
from anselai.domain.connection import DEFAULT_STUDIO, ConnectionKey
from anselai.domain.errors import InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import check_idempotency_key
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.platform_client import PlatformInfo, Platforms
from anselai.domain.ports.schedules import Schedules
from anselai.domain.ports.sync_log import LogQuery, SyncLog
from anselai.domain.ports.timetable import Timetable
from anselai.domain.ports.workers import Workers
from anselai.domain.schedule import CatchUp, SyncSchedule
from anselai.domain.sync_job import Outcome, Trigger

ALIVE_WITHIN = timedelta(seconds=30)


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
    audit: Audit
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

        Switching it on, also again, forgets its failures in a row. Slots that were due before the change are accounted
        for first. What is as it was already is written neither again nor down. Raises ConnectionNotFound,
        ConnectionChanged, InvalidInput.
        """
        await self._check_known(platform, studio)
        key, rhythm = ConnectionKey(studio, platform), _frequency(frequency)
        await self.schedules.get(key, rhythm)

        async def change(now: datetime) -> tuple[SyncSchedule, bool]:
            stored = await self.schedules.get(key, rhythm)
            asked_on = enabled if enabled is not None else ((cron, timezone, catch_up) == (None,) * 3 or None)
            switched_on = stored.enabled if asked_on is None else asked_on
            changed = replace(
                stored,
                cron=stored.cron if cron is None else _one_spaced(cron),
                timezone=stored.timezone if timezone is None else timezone,
                enabled=switched_on,
                catch_up=stored.catch_up if catch_up is None else _catch_up(catch_up),
                disabled_reason=None if switched_on else (stored.disabled_reason or "switched off by a person"),
                failures_in_row=0 if asked_on else stored.failures_in_row,
            )
            if (changed.cron, changed.timezone) != (stored.cron, stored.timezone):
                self.timetable.check(changed.cron, changed.timezone)
                next_slot_at = self.timetable.next_after(rhythm, changed.cron, changed.timezone, now)
                changed = replace(changed, next_slot_at=next_slot_at)
            return (stored, False) if changed == stored else (await self.schedules.save(changed), True)

        give_up = cron is not None or timezone is not None
        kept, is_new = await self.planner.after_settling(key, (rhythm,), change, give_up=give_up)
        if is_new:
            state = f"{kept.cron} in {kept.timezone}, {'on' if kept.enabled else 'off'}, catch-up {kept.catch_up}"
            await self.audit.record(studio, AuditAction.SCHEDULE_CHANGED, f"{platform}/{rhythm}", state)
        return ScheduleView.of(kept)

    async def pause(
        self, platform: str, frequency: Frequency | str | None = None, *, studio: str = DEFAULT_STUDIO
    ) -> Sequence[SwitchedSchedule]:
        """Switch off every schedule of the platform, or that one. A run that is queued or under way goes on.

        Raises ConnectionNotFound, ConnectionChanged.
        """
        return await self._switch(platform, frequency, studio, on=False)

    async def resume(
        self, platform: str, frequency: Frequency | str | None = None, *, studio: str = DEFAULT_STUDIO
    ) -> Sequence[SwitchedSchedule]:
        """Switch on every schedule of the platform, or that one, whyever it was off, and forget its failures in a row.

        Raises ConnectionNotFound, ConnectionChanged.
        """
        return await self._switch(platform, frequency, studio, on=True)

    async def run_sync_now(
        self,
        platform: str,
        frequency: Frequency | str | None = None,
        *,
        idempotency_key: str | None = None,
        studio: str = DEFAULT_STUDIO,
    ) -> JobView:
        """Queue a sync at once. One that is queued or running already is returned instead, as `deduplicated`.

        Without a frequency any active sync of the platform counts, and a new one is daily. Asking again with the same
        idempotency key, which is 1 to 255 visible ASCII characters, returns the same job for 24 hours, also when it
        has ended. Raises ConnectionNotFound, IdempotencyKeyReused when the key was for another platform or frequency,
        TooManyIdempotencyKeys, TooManySyncs, InvalidInput.
        """
        self.platforms.get(platform)
        rhythm = None if frequency is None else _frequency(frequency)
        if idempotency_key is not None:
            check_idempotency_key(idempotency_key)
        key = ConnectionKey(studio, platform)
        queued = await self.jobs.enqueue(self.ids.new(), key, rhythm, idempotency_key)
        return JobView.of(queued.job, deduplicated=queued.deduplicated)

    async def cancel(
        self, platform: str, frequency: Frequency | str | None = None, *, studio: str = DEFAULT_STUDIO
    ) -> Sequence[JobView]:
        """Cancel the platform's syncs that are queued or running, or those of that frequency; none is no error.

        A run that is under way can write nothing from then on, and its client is cancelled within about a second.
        Schedules stay as they are. Raises ConnectionNotFound.
        """
        await self._check_known(platform, studio)
        rhythm = None if frequency is None else _frequency(frequency)
        return tuple(JobView.of(job) for job in await self.jobs.cancel(ConnectionKey(studio, platform), rhythm))

    async def cancel_job(self, job_id: UUID, *, studio: str = DEFAULT_STUDIO) -> JobView:
        """The same for one sync; with its attempts, oldest first. Raises NotFound, JobEnded."""
        job = await self.jobs.cancel_one(studio, job_id)
        return JobView.of(job, attempts=tuple(await self.sync_log.attempts(studio, job_id)))

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

    async def explain(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> SyncExplanation:
        """In sentences: when each sync of the platform runs next, and why its last slots and runs went as they did.

        Also of a connection whose platform is no longer installed. Raises ConnectionNotFound.
        """
        explainer = SyncExplainer(
            connections=self.connections,
            schedules=self.schedules,
            jobs=self.jobs,
            sync_log=self.sync_log,
            workers=self.workers,
            platforms=self.platforms,
            clock=self.clock,
        )
        return await explainer.explain(ConnectionKey(studio, platform), alive_within=ALIVE_WITHIN)

    async def get_job(self, job_id: UUID, *, studio: str = DEFAULT_STUDIO) -> JobView:
        """One job with its attempts, oldest first. Raises NotFound."""
        job = await self.jobs.get(studio, job_id)
        return JobView.of(job, attempts=tuple(await self.sync_log.attempts(studio, job_id)))

    async def status(self, *, studio: str = DEFAULT_STUDIO) -> SyncStatus:
        """Every platform with its connection, schedules, last runs and jobs; the queue; the daemons that are alive."""
        connections = {each.key.platform: each for each in await self.connections.list(studio)}
        schedules = await self.schedules.list(studio)
        active = {(job.key.platform, job.frequency): JobView.of(job) for job in await self.jobs.active(studio)}
        queue = await self.jobs.queue_state(studio)
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
                    exchanges_token=info.exchanges_token,
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
            queued=queue.due + queue.waiting,
            due=queue.due,
            oldest_due_at=queue.oldest_due_at,
            running=queue.running,
            stalled=queue.stalled,
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
        query = LogQuery(
            studio=studio,
            platform=platform,
            outcome=outcome,
            trigger=trigger,
            since=since,
            until=until,
            limit=limit,
        )
        return await read_page(self.sync_log, query, cursor)

    async def _check_known(self, platform: str, studio: str) -> None:
        """Raises UnknownPlatform, but not for a connection whose plug-in is gone: that can be paused and cancelled."""
        if all(each.name != platform for each in self.platforms.all()):
            connected = await self.connections.list(studio)
            if all(each.key.platform != platform for each in connected):
                self.platforms.get(platform)

    async def _switch(
        self, platform: str, frequency: Frequency | str | None, studio: str, *, on: bool
    ) -> Sequence[SwitchedSchedule]:
        await self._check_known(platform, studio)
        switched: list[SwitchedSchedule] = []
        for rhythm in tuple(Frequency) if frequency is None else (_frequency(frequency),):
            stored = await self.schedules.get(ConnectionKey(studio, platform), rhythm)
            view = ScheduleView.of(stored)
            if stored.enabled is not on or (on and stored.failures_in_row):
                view = await self.schedule_sync(platform, rhythm, enabled=on, studio=studio)
            switched.append(SwitchedSchedule(schedule=view, changed=stored.enabled is not on))
        return tuple(switched)


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
