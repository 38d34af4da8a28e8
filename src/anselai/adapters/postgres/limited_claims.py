"""Claiming where platforms have limits. Without any, job_statements.py has what there is.

The jobs of a platform that has no room are passed over, not waited for: so they hold up no others.
"""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from anselai.adapters.postgres.database import BATCH, Connection, Database, Row
from anselai.adapters.postgres.job_statements import CLAIMED
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.claim_limits import ClaimLimits

_CLAIMING: Final = int.from_bytes(b"ansclaim")
# Of those who have to count what the whole fleet runs, one claims at a time: until its transaction ends.
ALONE: Final = f"SELECT pg_advisory_xact_lock({_CLAIMING})"

# What runs is counted only if somebody asks for it. That are few rows, found by an index of theirs.
_ROOM: Final = """
room AS MATERIALIZED (
    SELECT platform, greatest(0, least(l.here, l.fleet - coalesce(r.running, 0))) AS free
    FROM unnest(%(platforms)s::text[], %(here)s::bigint[], %(fleet)s::bigint[]) AS l (platform, here, fleet)
    LEFT JOIN (
        SELECT platform, count(*) AS running FROM sync_jobs WHERE state = 'running' AND %(counted)s GROUP BY platform
    ) AS r USING (platform)
)"""

CLAIM: Final = f"""
WITH {_ROOM}, due_each AS (
    SELECT of_one.* FROM room CROSS JOIN LATERAL (
        SELECT id, run_after FROM sync_jobs
        WHERE state = 'queued' AND run_after <= statement_timestamp() AND sync_jobs.platform = room.platform
        ORDER BY run_after
        LIMIT least(room.free, %(limit)s)
        FOR UPDATE SKIP LOCKED
    ) AS of_one
), due_others AS (
    SELECT id, run_after FROM sync_jobs
    WHERE state = 'queued' AND run_after <= statement_timestamp() AND platform <> ALL (%(platforms)s)
    ORDER BY run_after
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), due AS (
    SELECT id FROM (SELECT * FROM due_each UNION ALL SELECT * FROM due_others) AS each
    ORDER BY run_after
    LIMIT %(limit)s
), {CLAIMED}
"""

NEXT_RUN: Final = f"""
WITH {_ROOM}
SELECT least(
    (
        SELECT min(run_after) FROM sync_jobs
        WHERE state = 'queued' AND platform <> ALL (ARRAY(SELECT room.platform FROM room WHERE free = 0))
    ),
    (SELECT min(lease_expires_at) FROM sync_jobs WHERE state = 'running')
)
"""


async def claim(database: Database, values: Mapping[str, Any], limits: ClaimLimits) -> Sequence[Row]:
    """The rows of CLAIM. Raises StoreUnavailable."""
    values = {**values, **parameters(limits)}
    if not limits.fleet:
        return await database.rows(CLAIM, values, studio=EVERY_STUDIO, within=BATCH)

    async def alone(connection: Connection) -> Sequence[Row]:
        # All at once on its way: who is frozen in the middle holds up nobody. The second statement sees what those
        # claimed who had the lock before.
        async with connection.pipeline(), connection.transaction():
            await connection.execute(ALONE)
            claimed = await connection.execute(CLAIM, values, binary=True)
        return await claimed.fetchall()

    return await database.act(alone, studio=EVERY_STUDIO, within=BATCH)


async def next_run_at(database: Database, limits: ClaimLimits) -> datetime | None:
    [(instant,)] = await database.rows(NEXT_RUN, parameters(limits), studio=EVERY_STUDIO)
    return instant if isinstance(instant, datetime) else None


def parameters(limits: ClaimLimits) -> dict[str, Any]:
    platforms = limits.platforms
    return {
        "platforms": list(platforms),
        "here": [limits.here.get(each) for each in platforms],
        "fleet": [limits.fleet.get(each) for each in platforms],
        "counted": bool(limits.fleet),
    }
