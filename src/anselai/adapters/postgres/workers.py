"""Which daemons are alive, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from anselai.adapters.postgres.database import Database
from anselai.domain.ports.workers import Worker, Workers

_BEAT: Final = """
WITH forgotten AS (
    DELETE FROM sync_workers WHERE id = ANY (ARRAY(
        SELECT id FROM sync_workers
        WHERE last_beat_at < statement_timestamp() - interval '1 day' AND id <> %(id)s FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO sync_workers (id, host, pid) VALUES (%(id)s, %(host)s, %(pid)s)
ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid, last_beat_at = statement_timestamp()
RETURNING id
"""
_LEAVE: Final = "DELETE FROM sync_workers WHERE id = %s RETURNING id"
_ALIVE: Final = """
SELECT id, host, pid, started_at, last_beat_at FROM sync_workers
WHERE last_beat_at >= statement_timestamp() - %s ORDER BY started_at, id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresWorkers(Workers):
    database: Database

    async def beat(self, worker: UUID, host: str, pid: int) -> None:
        await self.database.rows(_BEAT, {"id": worker, "host": host, "pid": pid})

    async def leave(self, worker: UUID) -> None:
        await self.database.rows(_LEAVE, (worker,))

    async def alive(self, within: timedelta) -> Sequence[Worker]:
        return [
            Worker(id=worker_id, host=host, pid=pid, started_at=started_at, last_beat_at=last_beat_at)
            for worker_id, host, pid, started_at, last_beat_at in await self.database.rows(_ALIVE, (within,))
        ]
