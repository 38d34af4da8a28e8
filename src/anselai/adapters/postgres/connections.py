"""Connections in PostgreSQL."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.connection_rows import COLUMNS, to_connection
from anselai.adapters.postgres.database import Connection, Database, Row, rows
from anselai.adapters.postgres.job_cancelling import CANCELLED, log_cancelled
from anselai.adapters.postgres.refresh_statements import BEGIN_REFRESH, DUE_REFRESHES, END_REFRESH, GIVE_BACK
from anselai.adapters.postgres.wakeups import NOTIFY, NOTIFY_CANCELLED
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionChanged, ConnectionExists, ConnectionNotFound, InvalidInput
from anselai.domain.ports.connections import Connections, RefreshTurn
from anselai.domain.schedule import SyncSchedule
from anselai.domain.seal_tally import nobody_counts

_ADD: Final = f"""
WITH added AS (
    INSERT INTO platform_connections ({COLUMNS})
    VALUES (%(id)s, %(studio)s, %(platform)s, %(account_id)s, %(access_token)s, %(refresh_token)s,
        %(token_expires_at)s, %(scopes)s, %(status)s, %(created_at)s, %(updated_at)s, %(last_sync_at)s,
        %(last_error_code)s, left(%(last_error)s, 1000), %(version)s, %(token_version)s,
        %(refresh_at)s, NULL, 0, NULL, false)
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

# What a platform is given for new tokens is the refresh token, or without one the access token.
_SAME_ACCESS: Final = "access_token = %(access_token)s"
_SAME_REFRESH: Final = "refresh_token IS NOT DISTINCT FROM %(refresh_token)s"
_SAME_TOKENS: Final = f"({_SAME_ACCESS} AND {_SAME_REFRESH})"
_SAME_GIFT: Final = f"({_SAME_REFRESH} AND (refresh_token IS NOT NULL OR {_SAME_ACCESS}))"

# It answers with one row: whether the connection exists, and what it is now if the act was done.
_REPLACE: Final = f"""
WITH stored AS (
    UPDATE platform_connections SET
        account_id = %(account_id)s, access_token = %(access_token)s, refresh_token = %(refresh_token)s,
        token_expires_at = %(token_expires_at)s, scopes = %(scopes)s, status = %(status)s,
        updated_at = %(updated_at)s, last_error_code = %(last_error_code)s,
        last_error = left(%(last_error)s, 1000), version = version + 1,
        token_version = token_version + CASE WHEN {_SAME_TOKENS} THEN 0 ELSE 1 END,
        refresh_at = least(%(refresh_at)s, CASE WHEN refresh_asked_at IS NOT NULL AND {_SAME_GIFT} THEN refresh_at END),
        refresh_failures = CASE WHEN {_SAME_TOKENS} THEN refresh_failures ELSE 0 END,
        refresh_not_before = CASE WHEN {_SAME_TOKENS} THEN refresh_not_before END,
        refresh_ended = refresh_ended AND {_SAME_TOKENS},
        refresh_asked_at = CASE WHEN {_SAME_GIFT} THEN refresh_asked_at END,
        refresh_asked_by = CASE WHEN {_SAME_GIFT} THEN refresh_asked_by END
    WHERE studio = %(studio)s AND platform = %(platform)s AND version = %(version)s
    RETURNING {COLUMNS}
)
SELECT EXISTS (SELECT FROM platform_connections WHERE studio = %(studio)s AND platform = %(platform)s), stored.*
FROM (VALUES (1)) AS one LEFT JOIN stored ON true
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
    before_storing: Callable[[], Awaitable[None]] = nobody_counts  # so that no seal is stored uncounted

    async def add(self, connection: PlatformConnection, schedules: Sequence[SyncSchedule]) -> None:
        await self.before_storing()
        values = _values(connection) | {
            "id": connection.id,
            "created_at": connection.created_at,
            "last_sync_at": connection.last_sync_at,
            "schedules": encoded(schedules),
        }
        try:
            added = await self.database.rows(_ADD, values, studio=connection.key.studio)
        except ForeignKeyViolation as error:
            raise InvalidInput.of("studio", f"there is no studio {connection.key.studio!r}") from error
        if not added:
            raise ConnectionExists(connection.key.platform)

    async def get(self, key: ConnectionKey) -> PlatformConnection:
        for row in await self.database.rows(_GET, (key.studio, key.platform), studio=key.studio):
            return to_connection(row)
        raise ConnectionNotFound(key.platform)

    async def list(self, studio: str) -> Sequence[PlatformConnection]:
        return [to_connection(row) for row in await self.database.rows(_LIST, (studio,), studio=studio)]

    async def replace(self, connection: PlatformConnection) -> PlatformConnection:
        await self.before_storing()
        [row] = await self.database.rows(_REPLACE, _values(connection), studio=connection.key.studio)
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

        await self.database.act(remove, studio=key.studio)

    async def begin_refresh(
        self, key: ConnectionKey, owner: UUID, lease: timedelta, seen: PlatformConnection | None = None
    ) -> RefreshTurn | None:
        values = {
            "studio": key.studio,
            "platform": key.platform,
            "owner": owner,
            "lease": lease,
            "seen_id": None if seen is None else seen.id,
            "seen_token_version": None if seen is None else seen.token_version,
        }
        [(exists, now, held, is_own_question, *found)] = await self.database.rows(
            BEGIN_REFRESH, values, studio=key.studio
        )
        if not exists:
            raise ConnectionNotFound(key.platform)
        if held is None:
            return None
        before = to_connection(tuple(found))
        if is_own_question:
            before = replace(before, refresh=replace(before.refresh, asked_at=None))
        return RefreshTurn(connection=before, now=now, held=held)

    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        await self.before_storing()
        values = {
            "studio": before.key.studio,
            "platform": before.key.platform,
            "owner": owner,
            "id_before": before.id,
            "token_version_before": before.token_version,
            "refresh_at_before": before.refresh.at,
        }
        if after is not None:
            values |= _values(after) | _changes(before, after)
        [row] = await self.database.rows(GIVE_BACK if after is None else END_REFRESH, values, studio=before.key.studio)
        return _swapped(row, before.key)

    async def due_refreshes(
        self, platform: str, limit: int, hold: timedelta, asked_only: bool = False
    ) -> Sequence[PlatformConnection]:
        values = {"platform": platform, "limit": limit, "hold": hold, "asked_only": asked_only}
        return [to_connection(row) for row in await self.database.rows(DUE_REFRESHES, values, studio=EVERY_STUDIO)]


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
        "token_version": connection.token_version,
        "refresh_at": connection.refresh.at,
    }


def _changes(before: PlatformConnection, after: PlatformConnection) -> dict[str, Any]:
    new_access_token = after.access_token != before.access_token
    new_refresh_token = after.refresh_token != before.refresh_token
    return {
        "refresh_token_before": before.refresh_token,
        "new_access_token": new_access_token,
        "new_refresh_token": new_refresh_token,
        "new_tokens": new_access_token or new_refresh_token,
        "new_expiry": after.token_expires_at != before.token_expires_at,
        "new_scopes": after.scopes != before.scopes,
        "stays_open": after.refresh.asked_at is not None,
        "refresh_failures": after.refresh.failures,
        "refresh_not_before": after.refresh.not_before,
        "refresh_ended": after.refresh.ended,
    }


def _swapped(row: Row, key: ConnectionKey) -> PlatformConnection:
    exists, *stored = row
    if not exists:
        raise ConnectionNotFound(key.platform)
    if stored[0] is None:
        raise ConnectionChanged(key.platform)
    return to_connection(tuple(stored))
