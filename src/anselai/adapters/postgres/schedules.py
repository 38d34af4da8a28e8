"""Schedules in PostgreSQL, and the compare-and-swap that turns plans into jobs."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.database import BATCH, Database, Row
from anselai.adapters.postgres.wakeups import NOTIFY, note_asking
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionChanged, ConnectionNotFound, NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.ports.schedules import DueSchedules, PlannedSlot, Schedules
from anselai.domain.schedule import CatchUp, DueSchedule, SyncSchedule

_COLUMNS: Final = (
    "s.studio, s.platform, s.frequency, s.cron, s.timezone, s.enabled, s.next_slot_at, s.catch_up, s.disabled_reason,"
    " s.version, s.failures_in_row"
)

_GET: Final = f"""
SELECT {_COLUMNS}
FROM platform_connections c
LEFT JOIN sync_schedules s ON s.studio = c.studio AND s.platform = c.platform AND s.frequency = %s
WHERE c.studio = %s AND c.platform = %s
"""

_LIST: Final = f"""
SELECT {_COLUMNS} FROM sync_schedules s WHERE s.studio = %s
ORDER BY s.platform COLLATE "C", array_position(ARRAY['hourly', 'daily', 'weekly'], s.frequency)
"""

# The connection's row is locked against removal, so that a schedule cannot appear for one that goes.
_SAVE: Final = f"""
WITH connection AS (
    SELECT studio, platform FROM platform_connections
    WHERE studio = %(studio)s AND platform = %(platform)s FOR KEY SHARE
), saved AS (
    INSERT INTO sync_schedules AS s
        (studio, platform, frequency, cron, timezone, enabled, next_slot_at, catch_up, disabled_reason, version,
        failures_in_row)
    SELECT studio, platform, %(frequency)s, %(cron)s, %(timezone)s, %(enabled)s, %(next_slot_at)s, %(catch_up)s,
        %(disabled_reason)s, %(version)s + 1, %(failures_in_row)s
    FROM connection
    ON CONFLICT (studio, platform, frequency) DO UPDATE SET
        cron = excluded.cron, timezone = excluded.timezone, enabled = excluded.enabled,
        next_slot_at = excluded.next_slot_at, catch_up = excluded.catch_up,
        disabled_reason = excluded.disabled_reason, version = s.version + 1,
        failures_in_row = excluded.failures_in_row
    WHERE s.version = %(version)s
        AND (s.next_slot_at > statement_timestamp() OR s.next_slot_at = excluded.next_slot_at)
    RETURNING {_COLUMNS}
)
SELECT EXISTS (SELECT FROM connection), CASE WHEN saved.studio IS NOT NULL THEN {NOTIFY}::text END, saved.*
FROM (VALUES (1)) AS one LEFT JOIN saved ON true
"""

_ACTIVE_JOB: Final = """
EXISTS (
    SELECT FROM sync_jobs j
    WHERE j.studio = s.studio AND j.platform = s.platform AND j.frequency = s.frequency
        AND j.state IN ('queued', 'running')
)
"""
_NOT_YET: Final = f"s.catch_up = 'all' AND {_ACTIVE_JOB}"  # the next slot waits until that job is done


def _due(*, among: str) -> str:
    return f"""
SELECT clock.now, due.*
FROM (SELECT statement_timestamp() AS now) AS clock LEFT JOIN LATERAL (
    SELECT {_COLUMNS}, {_ACTIVE_JOB} AS in_flight,
        CASE
            WHEN NOT s.enabled THEN concat_ws(': ', 'the schedule was switched off', s.disabled_reason)
            WHEN c.status = 'expired' THEN 'the connection had expired'
        END AS paused_because
    FROM sync_schedules s JOIN platform_connections c USING (studio, platform)
    WHERE s.next_slot_at <= statement_timestamp() AND {among}
) AS due ON true
"""


DUE: Final = _due(among=f"NOT ({_NOT_YET}) ORDER BY s.next_slot_at LIMIT %s")
_DUE_OF: Final = _due(among="s.studio = %s AND s.platform = %s AND s.frequency = %s")

# The next slot is compared so that no index of it is used: with many equal ones it finds too much, the key finds one.
# The version moves too: who saves a schedule that he read before would set its next slot back.
# A schedule's row is held until its job is in, and removing a connection removes its schedules first: so no job can
# appear for a connection that is gone. A row that somebody else holds is being moved by them: the swap is lost.
_COMMIT: Final = f"""
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS g (
        studio text, platform text, frequency text, version bigint, expected timestamptz, next_slot_at timestamptz,
        run_slot_at timestamptz, job_id uuid, accounted json
    )
), held AS (
    SELECT given.*
    FROM given JOIN sync_schedules s USING (studio, platform, frequency)
    WHERE s.next_slot_at IS NOT DISTINCT FROM given.expected AND s.version = given.version
    FOR UPDATE OF s SKIP LOCKED
), moved AS (
    UPDATE sync_schedules s SET next_slot_at = held.next_slot_at, version = s.version + 1 FROM held
    WHERE s.studio = held.studio AND s.platform = held.platform AND s.frequency = held.frequency
    RETURNING s.studio, s.platform, s.frequency, held.run_slot_at, held.job_id, held.accounted
), queued AS (
    INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after)
    SELECT job_id, studio, platform, frequency, 'schedule', run_slot_at, 'queued', run_slot_at
    FROM moved WHERE run_slot_at IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING id
), logged AS (
    INSERT INTO sync_log (studio, platform, trigger, outcome, frequency, slot_at, slot_last_at, count, message)
    SELECT moved.studio, moved.platform, 'schedule', a.outcome, moved.frequency, a.first, a.last, a.count, a.reason
    FROM moved, json_to_recordset(moved.accounted) AS a (
        outcome text, first timestamptz, last timestamptz, count integer, reason text
    )
    UNION ALL
    SELECT studio, platform, 'schedule', 'overlapped', frequency, run_slot_at, run_slot_at, 1,
        'a run of this slot or of this frequency was there already'
    FROM moved WHERE run_slot_at IS NOT NULL AND job_id NOT IN (SELECT id FROM queued)
)
SELECT (SELECT count(*) FROM moved), (SELECT {NOTIFY}::text FROM queued LIMIT 1)
"""

_NEXT_DUE: Final = f"""
SELECT s.next_slot_at FROM sync_schedules s WHERE NOT ({_NOT_YET}) ORDER BY s.next_slot_at LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSchedules(Schedules):
    database: Database

    async def get(self, key: ConnectionKey, frequency: Frequency) -> SyncSchedule:
        for row in await self.database.rows(_GET, (frequency.value, key.studio, key.platform), studio=key.studio):
            if row[0] is None:
                raise NotFound(f"{key.platform} has no {frequency} schedule.")
            return _to_schedule(row)
        raise ConnectionNotFound(key.platform)

    async def list(self, studio: str) -> Sequence[SyncSchedule]:
        return [_to_schedule(row) for row in await self.database.rows(_LIST, (studio,), studio=studio)]

    async def save(self, schedule: SyncSchedule) -> SyncSchedule:
        values = {
            "studio": schedule.key.studio,
            "platform": schedule.key.platform,
            "frequency": schedule.frequency.value,
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "enabled": schedule.enabled,
            "next_slot_at": schedule.next_slot_at,
            "catch_up": schedule.catch_up.value,
            "disabled_reason": schedule.disabled_reason,
            "version": schedule.version,
            "failures_in_row": schedule.failures_in_row,
        }
        [(exists, _, *saved)] = await self.database.rows(_SAVE, values, studio=schedule.key.studio)
        if not exists:
            raise ConnectionNotFound(schedule.key.platform)
        if saved[0] is None:
            raise ConnectionChanged(schedule.key.platform)
        return _to_schedule(tuple(saved))

    async def due(self, limit: int) -> DueSchedules:
        note_asking()
        return _to_due(await self.database.rows(DUE, (limit,), studio=EVERY_STUDIO))

    async def due_of(self, key: ConnectionKey, frequency: Frequency) -> DueSchedules:
        return _to_due(
            await self.database.rows(_DUE_OF, (key.studio, key.platform, frequency.value), studio=key.studio)
        )

    async def commit(self, planned: Sequence[PlannedSlot]) -> int:
        if not planned:
            return 0
        plans = encoded([_planned(slot) for slot in planned])
        [(moved, _)] = await self.database.rows(_COMMIT, (plans,), studio=EVERY_STUDIO, within=BATCH)
        return int(moved)

    async def next_due_at(self) -> datetime | None:
        for (instant,) in await self.database.rows(_NEXT_DUE, studio=EVERY_STUDIO):
            return _instant(instant)
        return None


def _to_due(found: Sequence[Row]) -> DueSchedules:
    schedules = [
        DueSchedule(schedule=_to_schedule(row[1:-2]), in_flight=row[-2], paused_because=row[-1])
        for row in found
        if row[1] is not None
    ]
    return DueSchedules(now=found[0][0], schedules=schedules)


def _planned(slot: PlannedSlot) -> dict[str, object]:
    plan = slot.plan
    return {
        "studio": plan.schedule.key.studio,
        "platform": plan.schedule.key.platform,
        "frequency": plan.schedule.frequency,
        "version": plan.schedule.version,
        "expected": plan.schedule.next_slot_at,
        "next_slot_at": plan.next_slot_at,
        "run_slot_at": plan.run_slot_at,
        "job_id": slot.job_id,
        "accounted": plan.accounted,
    }


def _to_schedule(row: Row) -> SyncSchedule:
    studio, platform, frequency, cron, timezone, enabled, next_slot_at, catch_up, reason, version, failures = row
    return SyncSchedule(
        key=ConnectionKey(studio, platform),
        frequency=Frequency(frequency),
        cron=cron,
        timezone=timezone,
        enabled=enabled,
        next_slot_at=next_slot_at,
        catch_up=CatchUp(catch_up),
        disabled_reason=reason,
        version=version,
        failures_in_row=failures,
    )


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"an instant was expected, not a {type(value).__name__}")
    return value
