"""Connections in PostgreSQL."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.connection_rows import COLUMNS, to_connection
from anselai.adapters.postgres.database import Connection, Database, Row, rows
from anselai.adapters.postgres.job_cancelling import CANCELLED, log_cancelled
from anselai.adapters.postgres.wakeups import NOTIFY, NOTIFY_CANCELLED
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionChanged, ConnectionExists, ConnectionNotFound, InvalidInput
from anselai.domain.ports.connections import Connections
from anselai.domain.schedule import SyncSchedule

_ADD: Final = f"""
WITH added AS (
    INSERT INTO platform_connections ({COLUMNS})
    VALUES (%(id)s, %(studio)s, %(platform)s, %(account_id)s, %(access_token)s, %(refresh_token)s,
        %(token_expires_at)s, %(scopes)s, %(status)s, %(created_at)s, %(updated_at)s, %(last_sync_at)s,
        %(last_error_code)s, left(%(last_error)s, 1000), %(version)s)
    ON CONFLICT (studio, platform) DO NOTHING
    RETURNING studio, platform
), scheduled AS (
    INSERT INTO sync_schedules
        (studio, platform, frequency, cron, timezone, enabled, catch_up, next_slot_at, disabled_reason, version)
    SELECT added.*, s.*
    FROM added, json_to_recordset(%(schedules)s::json) AS s (
        frequency text, cron text, timezone text, enabled boolean, catch_up text, next_slot_at timestamptz,
        disabled_reason text, version bigint
    )
)
SELECT {NOTIFY} FROM added
"""

_GET: Final = f"SELECT {COLUMNS} FROM platform_connections WHERE studio = %s AND platform = %s"

_LIST: Final = f'SELECT {COLUMNS} FROM platform_connections WHERE studio = %s ORDER BY platform COLLATE "C"'

# This and the next two answer with one row: whether the connection exists, and what it is now if the act was done.
_REPLACE: Final = f"""
WITH stored AS (
    UPDATE platform_connections SET
        account_id = %(account_id)s, access_token = %(access_token)s, refresh_token = %(refresh_token)s,
        token_expires_at = %(token_expires_at)s, scopes = %(scopes)s, status = %(status)s,
        updated_at = %(updated_at)s, last_error_code = %(last_error_code)s,
        last_error = left(%(last_error)s, 1000), version = version + 1
    WHERE studio = %(studio)s AND platform = %(platform)s AND version = %(version)s
    RETURNING {COLUMNS}
)
SELECT EXISTS (SELECT FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s), stored.*
FROM (VALUES (1)) AS one LEFT JOIN stored ON true
"""

_BEGIN_REFRESH: Final = f"""
WITH taken AS (
    UPDATE platform_connections SET
        refresh_owner = %(owner)s, refresh_lease_expires_at = statement_timestamp() + %(lease)s
    WHERE studio = %(studio)s AND platform = %(platform)s AND (
        refresh_owner IS NULL OR refresh_owner = %(owner)s OR refresh_lease_expires_at <= statement_timestamp()
    )
    RETURNING {COLUMNS}
)
SELECT EXISTS (SELECT FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s), taken.*
FROM (VALUES (1)) AS one LEFT JOIN taken ON true
"""

_END_REFRESH: Final = f"""
WITH found AS (
    SELECT id, access_token = %(access_token_before)s
        AND refresh_token IS NOT DISTINCT FROM %(refresh_token_before)s AS unchanged
    FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s FOR NO KEY UPDATE
), stored AS (
    UPDATE platform_connections SET
        access_token = %(access_token)s, refresh_token = %(refresh_token)s,
        token_expires_at = CASE WHEN %(new_expiry)s THEN %(token_expires_at)s ELSE token_expires_at END,
        scopes = CASE WHEN %(new_scopes)s THEN %(scopes)s ELSE scopes END,
        status = %(status)s, updated_at = %(updated_at)s,
        last_error_code = %(last_error_code)s, last_error = left(%(last_error)s, 1000), version = version + 1,
        refresh_owner = nullif(refresh_owner, %(owner)s),
        refresh_lease_expires_at = CASE WHEN refresh_owner <> %(owner)s THEN refresh_lease_expires_at END
    WHERE id = (SELECT id FROM found WHERE unchanged)
    RETURNING {COLUMNS}
), given_back AS (
    UPDATE platform_connections SET refresh_owner = NULL, refresh_lease_expires_at = NULL
    WHERE id = (SELECT id FROM found WHERE NOT unchanged) AND refresh_owner = %(owner)s
)
SELECT EXISTS (SELECT FROM found), stored.* FROM (VALUES (1)) AS one LEFT JOIN stored ON true
"""

_GIVE_BACK: Final = f"""
WITH found AS (
    SELECT {COLUMNS}, access_token = %(access_token_before)s
        AND refresh_token IS NOT DISTINCT FROM %(refresh_token_before)s AS unchanged
    FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s FOR NO KEY UPDATE
), given_back AS (
    UPDATE platform_connections SET refresh_owner = NULL, refresh_lease_expires_at = NULL
    WHERE id = (SELECT id FROM found) AND refresh_owner = %(owner)s
)
SELECT EXISTS (SELECT FROM found), stored.*
FROM (VALUES (1)) AS one LEFT JOIN (SELECT {COLUMNS} FROM found WHERE unchanged) AS stored ON true
"""

# Removing is several statements, since each sees only what was there when it began. The jobs are held before the
# connection, to keep the order of locks, and again after it is gone and no more can come; only then they stand still.
_HOLD: Final = """
SELECT FROM sync_jobs WHERE studio = %(studio)s AND platform = %(platform)s AND state IN ('queued', 'running')
ORDER BY id FOR UPDATE
"""
_REMOVE: Final = """
WITH removed AS (
    DELETE FROM platform_connections c WHERE studio = %(studio)s AND platform = %(platform)s AND NOT EXISTS (
        SELECT FROM sync_schedules s
        WHERE s.studio = c.studio AND s.platform = c.platform AND s.next_slot_at <= statement_timestamp()
    )
    RETURNING 1
)
SELECT EXISTS (SELECT FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s),
    EXISTS (SELECT FROM removed)
"""
_CANCEL: Final = f"""
WITH dropped AS (
    DELETE FROM sync_jobs WHERE studio = %(studio)s AND platform = %(platform)s AND state = 'queued'
    RETURNING *
), ended AS (
    UPDATE sync_jobs SET {CANCELLED}
    WHERE studio = %(studio)s AND platform = %(platform)s AND state = 'running'
    RETURNING *
), logged AS (
    {log_cancelled(of="(TABLE dropped UNION ALL TABLE ended) AS jobs", because="the connection was removed")}
)
SELECT {NOTIFY_CANCELLED} FROM ended LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresConnections(Connections):
    database: Database

    async def add(self, connection: PlatformConnection, schedules: Sequence[SyncSchedule]) -> None:
        values = _values(connection) | {
            "id": connection.id,
            "created_at": connection.created_at,
            "last_sync_at": connection.last_sync_at,
            "schedules": encoded(schedules),
        }
        try:
            added = await self.database.rows(_ADD, values)
        except ForeignKeyViolation as error:
            raise InvalidInput.of("studio", f"there is no studio {connection.key.studio!r}") from error
        if not added:
            raise ConnectionExists(connection.key.platform)

    async def get(self, key: ConnectionKey) -> PlatformConnection:
        for row in await self.database.rows(_GET, (key.studio, key.platform)):
            return to_connection(row)
        raise ConnectionNotFound(key.platform)

    async def list(self, studio: str) -> Sequence[PlatformConnection]:
        return [to_connection(row) for row in await self.database.rows(_LIST, (studio,))]

    async def replace(self, connection: PlatformConnection) -> PlatformConnection:
        [row] = await self.database.rows(_REPLACE, _values(connection))
        return _swapped(row, connection.key)

    async def remove(self, key: ConnectionKey) -> None:
        values = {"studio": key.studio, "platform": key.platform}

        async def remove(database: Connection) -> None:
            async with database.transaction():
                await database.execute(_HOLD, values)
                [(exists, removed)] = await rows(database, _REMOVE, values)
                if not removed:
                    raise ConnectionChanged(key.platform) if exists else ConnectionNotFound(key.platform)
                await database.execute(_HOLD, values)
                await database.execute(_CANCEL, values)

        await self.database.act(remove)

    async def begin_refresh(self, key: ConnectionKey, owner: UUID, lease: timedelta) -> PlatformConnection | None:
        values = {"studio": key.studio, "platform": key.platform, "owner": owner, "lease": lease}
        [(exists, *taken)] = await self.database.rows(_BEGIN_REFRESH, values)
        if not exists:
            raise ConnectionNotFound(key.platform)
        return None if taken[0] is None else to_connection(tuple(taken))

    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        values = {
            "studio": before.key.studio,
            "platform": before.key.platform,
            "owner": owner,
            "access_token_before": before.access_token,
            "refresh_token_before": before.refresh_token,
        }
        if after is not None:
            values |= _values(after) | {
                "new_expiry": after.token_expires_at != before.token_expires_at,
                "new_scopes": after.scopes != before.scopes,
            }
        [row] = await self.database.rows(_GIVE_BACK if after is None else _END_REFRESH, values)
        return _swapped(row, before.key)


def _values(connection: PlatformConnection) -> dict[str, Any]:
    return {
        "studio": connection.key.studio,
        "platform": connection.key.platform,
        "account_id": connection.account_id,
        "access_token": connection.access_token,
        "refresh_token": connection.refresh_token,
        "token_expires_at": connection.token_expires_at,
        "scopes": list(connection.scopes),
        "status": connection.status.value,
        "updated_at": connection.updated_at,
        "last_error_code": connection.last_error_code,
        "last_error": connection.last_error,
        "version": connection.version,
    }


def _swapped(row: Row, key: ConnectionKey) -> PlatformConnection:
    exists, *stored = row
    if not exists:
        raise ConnectionNotFound(key.platform)
    if stored[0] is None:
        raise ConnectionChanged(key.platform)
    return to_connection(tuple(stored))
