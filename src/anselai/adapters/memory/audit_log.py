"""The audit log in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.audit import AuditEntry, Deed
from anselai.domain.ports.audit_log import AuditLog
from anselai.domain.text import refuse_unstorable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAuditLog(AuditLog):
    store: MemoryStore

    async def append(self, deed: Deed) -> None:
        self.store.write_down(deed)

    async def query(self, studio: str, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        refuse_unstorable(studio)
        known = self.store.studios.get(studio)
        rows = (row for row in self._newest_first(before_id) if row.studio == studio)
        return [] if known is None else list(islice((row for row in rows if row.at >= known.created_at), limit))

    async def query_all(self, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        return list(islice(self._newest_first(before_id), limit))

    def _newest_first(self, before_id: int | None) -> Iterator[AuditEntry]:
        rows = self.store.audit if before_id is None else self.store.audit[: before_id - 1]
        return reversed(rows)
