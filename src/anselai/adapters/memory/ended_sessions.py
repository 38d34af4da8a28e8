"""Ended sessions in memory."""

from dataclasses import dataclass
from datetime import datetime

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.ports.ended_sessions import EndedSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEndedSessions(EndedSessions):
    store: MemoryStore

    async def end(self, session_id: str, until: datetime) -> None:
        ended, now = self.store.ended_sessions, self.store.clock.now()
        for over in [each for each, ends_at in ended.items() if ends_at <= now]:
            del ended[over]
        ended.setdefault(session_id, until)

    async def is_ended(self, session_id: str) -> bool:
        return session_id in self.store.ended_sessions
