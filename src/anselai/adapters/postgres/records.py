"""Records in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from anselai.adapters.postgres import insights
from anselai.adapters.postgres.batches import encoded, encoded_as_it_is
from anselai.adapters.postgres.database import BATCH, Connection, Database, rows
from anselai.adapters.postgres.driver_errors import REFUSED_VALUES
from anselai.adapters.postgres.record_upserts import RECORD_KINDS, RecordKind
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.errors import InvalidInput, LeaseLost, Problem
from anselai.domain.insights import BusinessFigures, Period, PlatformFigures
from anselai.domain.ports.records import Records
from anselai.domain.records import Record
from anselai.domain.sync_job import JobLease
from anselai.domain.text import storable

# Locks the job: a removal of the connection, or somebody who takes the job back, waits until the batch is in.
_MOVE_CURSOR: Final = """
UPDATE sync_jobs SET cursor = %s, records = records + %s WHERE id = %s AND fence = %s AND state = 'running'
RETURNING studio, platform
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRecords(Records):
    database: Database

    async def store(self, lease: JobLease, records: Sequence[Record], cursor: str | None) -> int:
        batches = [(kind, batch) for kind in RECORD_KINDS if (batch := _batch(kind, records)) is not None]
        values = (cursor, len(records), lease.job_id, lease.fence)
        if not batches:
            if not await self.database.rows(_MOVE_CURSOR, values, studio=EVERY_STUDIO):
                raise LeaseLost
            return 0

        async def store(connection: Connection) -> int:
            async with connection.transaction():
                held = await rows(connection, _MOVE_CURSOR, values)
                if not held:
                    raise LeaseLost
                [(studio, platform)] = held
                place = {"studio": studio, "platform": platform}
                return sum([await _upserted(connection, kind, batch, place) for kind, batch in batches])

        return await self.database.act(store, studio=EVERY_STUDIO, within=BATCH)

    async def platform_figures(self, studio: str, period: Period) -> Sequence[PlatformFigures]:
        return await insights.platform_figures(self.database, studio, period)

    async def business_figures(self, studio: str, period: Period) -> BusinessFigures:
        return await insights.business_figures(self.database, studio, period)


def _batch(kind: RecordKind, records: Sequence[Record]) -> str | None:
    """The records of this kind, each thing once, on their way; None if there are none."""
    newest = kind.newest(records)
    if not newest:
        return None
    # Names that differ in broken characters alone are one name once these are replaced: hence `newest` again.
    return encoded_as_it_is(newest) or encoded(kind.newest(storable(records)))


async def _upserted(connection: Connection, kind: RecordKind, batch: str, place: dict[str, Any]) -> int:
    try:
        [(orphans, changed)] = await rows(connection, kind.upsert, place | {"records": batch})
    except REFUSED_VALUES as error:
        raise InvalidInput.of("records", f"a {kind.record.__name__} does not fit: {_why(error)}") from error
    if orphans:
        raise InvalidInput(
            [
                Problem("records", f"a {kind.record.__name__} refers to {name!r}, which is not stored")
                for name in orphans
            ]
        )
    return int(changed)


def _why(error: Exception) -> str:
    """Which constraint or type refused it; never the server's message, which quotes values."""
    diag = getattr(error, "diag", None)
    return getattr(diag, "constraint_name", None) or getattr(diag, "column_name", None) or type(error).__name__
