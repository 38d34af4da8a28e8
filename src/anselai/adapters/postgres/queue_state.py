"""How full the queue is. Only what is queued or running is read, by partial indexes, however much has ended."""

from typing import Final

from anselai.adapters.postgres.database import Database
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.ports.jobs import QueueState

_STATE: Final = """
SELECT statement_timestamp(), queued.*, running.*
FROM (
    SELECT count(*) FILTER (WHERE run_after <= statement_timestamp()),
        count(*) FILTER (WHERE run_after > statement_timestamp()),
        min(run_after) FILTER (WHERE run_after <= statement_timestamp())
    FROM sync_jobs WHERE state = 'queued'{condition}
) AS queued, (
    SELECT count(*) FILTER (WHERE lease_expires_at > statement_timestamp()),
        count(*) FILTER (WHERE lease_expires_at <= statement_timestamp())
    FROM sync_jobs WHERE state = 'running'{condition}
) AS running
"""
OF_ALL: Final = _STATE.format(condition="")
OF_STUDIO: Final = _STATE.format(condition=" AND studio = %(studio)s")


async def read(database: Database, studio: str | None) -> QueueState:
    statement, values = (OF_ALL, None) if studio is None else (OF_STUDIO, {"studio": studio})
    [(asked_at, due, waiting, oldest_due_at, running, stalled)] = await database.rows(
        statement, values, studio=studio or EVERY_STUDIO
    )
    return QueueState(
        asked_at=asked_at, due=due, waiting=waiting, oldest_due_at=oldest_due_at, running=running, stalled=stalled
    )
