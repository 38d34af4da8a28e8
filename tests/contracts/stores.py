"""What every contract suite gets: all ports over one store, and a way to let time pass in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from anselai.domain.claim_limits import NO_LIMITS, ClaimLimits
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.frequency import Frequency
from anselai.domain.ports.api_keys import ApiKeys
from anselai.domain.ports.audit_log import AuditLog
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.ended_sessions import EndedSessions
from anselai.domain.ports.health import StoreHealth
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.records import Records
from anselai.domain.ports.schedules import PlannedSlot, Schedules
from anselai.domain.ports.sealed_tokens import SealedTokens
from anselai.domain.ports.studios import Studios
from anselai.domain.ports.sync_log import LogEntry, LogQuery, SyncLog
from anselai.domain.ports.workers import Workers
from anselai.domain.records import Record
from anselai.domain.schedule import SlotPlan, SlotRange, SyncSchedule
from anselai.domain.sync_job import AttemptResult, ClaimedJob, JobLease, Outcome
from tests.samples import GOOGLE, a_connection, a_schedule, some_id

OTHER_STUDIO = "other"
META = ConnectionKey("default", "meta")
ELSEWHERE = ConnectionKey(OTHER_STUDIO, "google")
# Texts that no store can hold: a NUL, and halves of a surrogate pair.
BROKEN = ("\0", "\ud83d", "\udcff")

FAR_OFF = datetime(2100, 1, 1, 12, tzinfo=UTC)  # a slot that does not come while a test runs

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The ports. `pass_time` shifts instants that are stored, or those to come: read again what you compare.

    The studios `default` and OTHER_STUDIO exist, and nothing else.
    """

    connections: Connections
    schedules: Schedules
    jobs: SyncJobs
    sync_log: SyncLog
    records: Records
    sealed_tokens: SealedTokens
    workers: Workers
    health: StoreHealth
    studios: Studios
    api_keys: ApiKeys
    audit_log: AuditLog
    ended_sessions: EndedSessions
    pass_time: Callable[[timedelta], None]

    async def now(self) -> datetime:
        """The store's present instant."""
        return (await self.schedules.due(1)).now

    async def connect(self, key: ConnectionKey = GOOGLE, *schedules: SyncSchedule) -> PlatformConnection:
        connection = a_connection(key)
        await self.connections.add(connection, schedules)
        return connection

    async def schedule_due(
        self, key: ConnectionKey = GOOGLE, frequency: Frequency = Frequency.HOURLY, *, since: timedelta = MINUTE
    ) -> SyncSchedule:
        """A stored schedule of an existing connection, whose next slot came so long ago."""
        return await self.schedules.save(a_schedule(key, frequency, await self.now() - since))

    def plan(
        self, schedule: SyncSchedule, *accounted: SlotRange, run: bool = True, following: timedelta = HOUR
    ) -> PlannedSlot:
        plan = SlotPlan(
            schedule=schedule,
            run_slot_at=schedule.next_slot_at if run else None,
            accounted=accounted,
            next_slot_at=schedule.next_slot_at + following,
        )
        return PlannedSlot(plan=plan, job_id=some_id())

    async def claim(
        self, limit: int = 10, lease: timedelta = MINUTE, limits: ClaimLimits = NO_LIMITS
    ) -> Sequence[ClaimedJob]:
        return await self.jobs.claim(some_id(), limit, lease, limits)

    async def running(
        self, key: ConnectionKey = GOOGLE, frequency: Frequency = Frequency.HOURLY, *, lease: timedelta = MINUTE
    ) -> ClaimedJob:
        """A manual job that is running; nothing else may be due."""
        await self.jobs.enqueue(some_id(), key, frequency)
        [claimed] = await self.claim(lease=lease)
        return claimed

    async def lease(self, key: ConnectionKey = GOOGLE, *, storing: Sequence[Record] = ()) -> JobLease:
        """Connect, and get the lease of a running job that has stored these."""
        await self.connect(key)
        lease = (await self.running(key)).job.lease
        assert await self.records.store(lease, storing, None) == len(storing)
        return lease

    async def finished(
        self,
        key: ConnectionKey = GOOGLE,
        outcome: Outcome = Outcome.SUCCEEDED,
        *,
        frequency: Frequency = Frequency.HOURLY,
    ) -> ClaimedJob:
        """A job that ran and ended so; nothing else may be due."""
        claimed = await self.running(key, frequency)
        await self.jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=outcome)])
        return claimed

    async def log(self, studio: str = "default") -> Sequence[LogEntry]:
        """The newest rows, newest first."""
        return await self.sync_log.query(LogQuery(studio=studio, limit=100))
