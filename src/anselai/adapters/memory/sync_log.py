"""The log in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.ports.sync_log import ApiError, LogEntry, LogQuery, SyncLog
from anselai.domain.text import refuse_unstorable, storable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySyncLog(SyncLog):
    store: MemoryStore

    async def query(self, query: LogQuery) -> Sequence[LogEntry]:
        refuse_unstorable(query.studio, query.platform)
        rows = self.store.log.newest_first(query.studio)
        return list(islice((row for row in rows if _matches(row, query)), query.limit))

    async def attempts(self, studio: str, job_id: UUID) -> Sequence[LogEntry]:
        refuse_unstorable(studio)
        return [row for row in self.store.log.of_job(job_id) if row.studio == studio]

    async def last_runs(self, studio: str) -> Sequence[LogEntry]:
        refuse_unstorable(studio)
        return self.store.log.runs(studio)

    async def record_api_error(self, error: ApiError) -> None:
        self.store.log.count_api_error(storable(error), self.store.clock.now())


def _matches(row: LogEntry, query: LogQuery) -> bool:
    return (
        (query.before_id is None or row.id < query.before_id)
        and (query.platform is None or row.platform == query.platform)
        and (query.frequency is None or row.frequency is query.frequency)
        and (query.outcome is None or row.outcome is query.outcome)
        and (query.trigger is None or row.trigger is query.trigger)
        and (query.since is None or row.logged_at >= query.since)
        and (query.until is None or row.logged_at < query.until)
    )
