"""API keys in PostgreSQL."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from anselai.adapters.postgres.audit_log import WRITE_DOWN, values_of
from anselai.adapters.postgres.database import Database, Row
from anselai.domain.access import EVERY_STUDIO, ApiKey, Scope
from anselai.domain.audit import Deed
from anselai.domain.errors import ApiKeyNotFound, StudioNotFound
from anselai.domain.ports.api_keys import ApiKeys

_COLUMNS: Final = "id, studio, name, scopes, secret_hash, created_at, expires_at, last_used_at, revoked_at"

_ADD: Final = f"""
WITH added AS (
    INSERT INTO api_keys ({_COLUMNS})
    VALUES (%(id)s, %(studio)s, %(name)s, %(scopes)s, %(secret_hash)s, %(created_at)s, %(expires_at)s,
        %(last_used_at)s, %(revoked_at)s)
    RETURNING id
)
{WRITE_DOWN} FROM added RETURNING id
"""

# Always a row, so that it takes no longer to find a key than to find none: a decoy, whose id no key has.
DECOY: Final = UUID(int=2**128 - 1)
_FIND: Final = f"""
WITH found AS (SELECT {_COLUMNS} FROM api_keys WHERE id = %(id)s)
SELECT {_COLUMNS} FROM found
UNION ALL SELECT '{DECOY}'::uuid, '-', '-', ARRAY['read'], sha256(''), statement_timestamp(), NULL, NULL, NULL
WHERE NOT EXISTS (SELECT FROM found)
"""

_LIST: Final = f"SELECT {_COLUMNS} FROM api_keys WHERE studio = %s ORDER BY created_at, id"

# The key as it is then, whether it was revoked by this or before.
_REVOKE: Final = f"""
WITH revoked AS (
    UPDATE api_keys SET revoked_at = statement_timestamp()
    WHERE studio = %(studio)s AND id = %(id)s AND revoked_at IS NULL
    RETURNING {_COLUMNS}
), written AS (
    {WRITE_DOWN} FROM revoked
)
SELECT {_COLUMNS} FROM revoked
UNION ALL SELECT {_COLUMNS} FROM api_keys WHERE studio = %(studio)s AND id = %(id)s
    AND NOT EXISTS (SELECT FROM revoked)
"""

_NOTE_USE: Final = """
UPDATE api_keys SET last_used_at = statement_timestamp()
WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at <= statement_timestamp() - %(every)s)
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresApiKeys(ApiKeys):
    database: Database

    async def add(self, key: ApiKey, deed: Deed) -> None:
        values = {
            "id": key.id,
            "studio": key.studio,
            "name": key.name,
            "scopes": [each.value for each in key.scopes],
            "secret_hash": key.secret_hash,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "last_used_at": key.last_used_at,
            "revoked_at": key.revoked_at,
        }
        try:
            await self.database.rows(_ADD, values | values_of(deed), studio=key.studio)
        except ForeignKeyViolation as error:
            raise StudioNotFound(key.studio) from error

    async def find(self, key_id: UUID) -> ApiKey | None:
        [row] = await self.database.rows(_FIND, {"id": key_id}, studio=EVERY_STUDIO)
        key = _to_key(row)
        return None if key.id == DECOY else key

    async def list(self, studio: str) -> Sequence[ApiKey]:
        return [_to_key(row) for row in await self.database.rows(_LIST, (studio,), studio=studio)]

    async def revoke(self, studio: str, key_id: UUID, deed: Deed) -> ApiKey:
        values = {"studio": studio, "id": key_id} | values_of(deed)
        for row in await self.database.rows(_REVOKE, values, studio=studio):
            return _to_key(row)
        raise ApiKeyNotFound

    async def note_use(self, key_id: UUID, every: timedelta) -> None:
        await self.database.rows(_NOTE_USE, {"id": key_id, "every": every}, studio=EVERY_STUDIO)


def _to_key(row: Row) -> ApiKey:
    key_id, studio, name, scopes, secret_hash, created_at, expires_at, last_used_at, revoked_at = row
    return ApiKey(
        id=key_id,
        studio=studio,
        name=name,
        scopes=tuple(Scope(each) for each in scopes),
        secret_hash=bytes(secret_hash),
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
    )
