"""Sealed tokens and the use of keys in PostgreSQL."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from anselai.adapters.postgres.batches import encoded
from anselai.adapters.postgres.database import BATCH, LONG, Database
from anselai.adapters.postgres.ring_names import ring_in
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.connection import ConnectionKey, SealedToken
from anselai.domain.ports.sealed_tokens import KeyUse, Resealed, SealedRow, SealedTokens

# As `key_id_of` has it, of the first 16 characters of a text; NULL for none.
_KEY_ID: Final = """
CASE WHEN {0} ~ '^v[0-9][.][0-9a-f]{{12}}[.]' THEN substr({0}, 4, 12) WHEN {0} IS NOT NULL THEN '' END
"""
_PAIRS: Final = """(
    SELECT left(access_token, 16) AS access, left(refresh_token, 16) AS refresh, count(*) AS number
    FROM platform_connections GROUP BY 1, 2 OFFSET 0
) AS pairs"""  # the offset keeps conditions out, which would be asked for each row and not for the few pairs

# One pass over the table. It has no index of its keys, which every refresh would have to write: a million rows take
# half a second, and only a start, a rotation and a person who asks wait for it.
_ROWS_PER_KEY: Final = f"""
SELECT key_id, sum(number)::bigint FROM {_PAIRS},
    LATERAL (SELECT {_KEY_ID.format("access")} UNION SELECT {_KEY_ID.format("refresh")}) AS needed (key_id)
WHERE key_id IS NOT NULL GROUP BY key_id
"""

_NUMBER_NOT_SEALED_WITH: Final = f"""
SELECT coalesce(sum(number), 0)::bigint FROM {_PAIRS}
WHERE {_KEY_ID.format("access")} <> ALL (%(key_ids)s) OR {_KEY_ID.format("refresh")} <> ALL (%(key_ids)s)
"""

_NOT_SEALED_WITH: Final = f"""
SELECT id, studio, platform, access_token, refresh_token FROM platform_connections
WHERE (%(after)s::uuid IS NULL OR id > %(after)s) AND (
    {_KEY_ID.format("left(access_token, 16)")} <> ALL (%(key_ids)s)
    OR {_KEY_ID.format("left(refresh_token, 16)")} <> ALL (%(key_ids)s)
)
ORDER BY id LIMIT %(limit)s
"""

_RESEAL: Final = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json)
        AS g (id uuid, access_before text, refresh_before text, access_token text, refresh_token text)
), unchanged AS (
    SELECT c.id FROM platform_connections c JOIN given USING (id)
    WHERE c.access_token = given.access_before AND c.refresh_token IS NOT DISTINCT FROM given.refresh_before
    FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE platform_connections c
SET access_token = given.access_token, refresh_token = given.refresh_token, version = version + 1
FROM given JOIN unchanged USING (id) WHERE c.id = given.id
RETURNING c.id
"""

_COUNT: Final = """
INSERT INTO sealing_keys AS k (id, seals) VALUES (%s, %s)
ON CONFLICT (id) DO UPDATE SET seals = k.seals + excluded.seals, last_used_at = statement_timestamp()
RETURNING seals
"""
_USES: Final = "SELECT id, seals, first_used_at, last_used_at FROM sealing_keys"
_SESSIONS: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE '%% keys %%'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSealedTokens(SealedTokens):
    database: Database

    async def rows_per_key(self) -> Mapping[str, int]:
        return dict(await self.database.rows(_ROWS_PER_KEY, studio=EVERY_STUDIO, within=LONG))

    async def not_sealed_with(self, key_ids: Sequence[str], after: UUID | None, limit: int) -> Sequence[SealedRow]:
        values = {"key_ids": list(key_ids), "after": after, "limit": limit}
        return [
            SealedRow(
                id=row_id,
                key=ConnectionKey(studio, platform),
                access_token=SealedToken(access_token),
                refresh_token=None if refresh_token is None else SealedToken(refresh_token),
            )
            for row_id, studio, platform, access_token, refresh_token in await self.database.rows(
                _NOT_SEALED_WITH, values, studio=EVERY_STUDIO, within=LONG
            )
        ]

    async def number_not_sealed_with(self, key_ids: Sequence[str]) -> int:
        values = {"key_ids": list(key_ids)}
        [(number,)] = await self.database.rows(_NUMBER_NOT_SEALED_WITH, values, studio=EVERY_STUDIO, within=LONG)
        return int(number)

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        given = encoded(
            [
                {
                    "id": each.before.id,
                    "access_before": each.before.access_token,
                    "refresh_before": each.before.refresh_token,
                    "access_token": each.access_token,
                    "refresh_token": each.refresh_token,
                }
                for each in rows
            ]
        )
        return len(await self.database.rows(_RESEAL, (given,), studio=EVERY_STUDIO, within=BATCH))

    async def count_seals(self, key_id: str, seals: int) -> int:
        [(total,)] = await self.database.rows(_COUNT, (key_id, seals))
        return int(total)

    async def uses(self) -> Mapping[str, KeyUse]:
        return {
            key_id: KeyUse(seals=seals, first_used_at=first_used_at, last_used_at=last_used_at)
            for key_id, seals, first_used_at, last_used_at in await self.database.rows(_USES)
        }

    async def living_rings(self) -> Sequence[Sequence[str]]:
        names = [name for (name,) in await self.database.rows(_SESSIONS)]
        return [ring for ring in map(ring_in, names) if ring is not None]
