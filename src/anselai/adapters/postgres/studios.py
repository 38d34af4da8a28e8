"""Studios in PostgreSQL."""

# ruff: noqa: S608  only names of tables and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.errors import ForeignKeyViolation

from anselai.adapters.postgres.audit_log import WRITE_DOWN, values_of
from anselai.adapters.postgres.database import LONG, Connection, Database, rows
from anselai.domain.access import EVERY_STUDIO, Studio
from anselai.domain.audit import Deed
from anselai.domain.errors import StudioExists, StudioInUse, StudioNotFound
from anselai.domain.ports.studios import Studios

_ADD: Final = f"""
WITH added AS (
    INSERT INTO studios (id, name) VALUES (%(studio)s, %(name)s) ON CONFLICT (id) DO NOTHING
    RETURNING name, created_at
), late AS (  -- what came in for a removed studio of this name after it had gone
    DELETE FROM sync_log WHERE studio = %(studio)s AND EXISTS (SELECT FROM added)
), written AS (
    {WRITE_DOWN} FROM added
)
SELECT name, created_at FROM added
"""

_LIST: Final = 'SELECT id, name, created_at FROM studios ORDER BY id COLLATE "C"'

# What is a studio's own, what refers to others first. Its connections and schedules are none of these: they keep it.
STUDIOS_OWN: Final = (
    "api_keys",
    "sync_requests",
    "sync_jobs",
    "sync_log",
    "attribution",
    "bookings",
    "inquiries",
    "reviews",
    "ad_metrics",
    "ad_campaigns",
    "content_metrics",
    "content",
    "metrics",
)

# Held first, so that no key and no connection is added meanwhile.
_HOLD: Final = "SELECT FROM studios WHERE id = %(studio)s FOR UPDATE"
_REMOVE: Final = f"""
WITH removed AS (DELETE FROM studios WHERE id = %(studio)s RETURNING id)
{WRITE_DOWN} FROM removed
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStudios(Studios):
    database: Database

    async def add(self, studio: str, name: str, deed: Deed) -> Studio:
        values = {"studio": studio, "name": name} | values_of(deed)
        for kept_name, created_at in await self.database.rows(_ADD, values, studio=studio, within=LONG):
            return Studio(id=studio, name=kept_name, created_at=created_at)
        raise StudioExists(studio)

    async def list(self) -> Sequence[Studio]:
        return [
            Studio(id=studio, name=name, created_at=created_at)
            for studio, name, created_at in await self.database.rows(_LIST, studio=EVERY_STUDIO)
        ]

    async def remove(self, studio: str, deed: Deed) -> None:
        values = {"studio": studio} | values_of(deed)

        async def remove(database: Connection) -> None:
            async with database.transaction():
                if not await rows(database, _HOLD, values):
                    raise StudioNotFound(studio)
                for table in STUDIOS_OWN:
                    await database.execute(f"DELETE FROM {table} WHERE studio = %(studio)s", values)
                await database.execute(_REMOVE, values)

        try:
            await self.database.act(remove, studio=studio, within=LONG)
        except ForeignKeyViolation as error:
            raise StudioInUse(studio) from error
