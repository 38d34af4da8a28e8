"""Ended sessions in PostgreSQL. Ids are kept as they are: without the signature of its cookie none opens anything."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anselai.adapters.postgres.database import Database
from anselai.domain.ports.ended_sessions import EndedSessions

# More go than come, so that the table stays as small as it can be.
_END: Final = """
WITH over AS (
    DELETE FROM ended_sessions WHERE id = ANY (ARRAY(
        SELECT id FROM ended_sessions WHERE ends_at <= statement_timestamp() AND id <> %(id)s
        ORDER BY ends_at LIMIT 100
    ))
)
INSERT INTO ended_sessions (id, ends_at) VALUES (%(id)s, %(until)s) ON CONFLICT (id) DO NOTHING
RETURNING id
"""
_IS_ENDED: Final = "SELECT EXISTS (SELECT FROM ended_sessions WHERE id = %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEndedSessions(EndedSessions):
    database: Database

    async def end(self, session_id: str, until: datetime) -> None:
        await self.database.rows(_END, {"id": session_id, "until": until})

    async def is_ended(self, session_id: str) -> bool:
        [(ended,)] = await self.database.rows(_IS_ENDED, (session_id,))
        return bool(ended)
