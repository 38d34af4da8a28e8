"""Daemons in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.ports.workers import Worker, Workers

FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryWorkers(Workers):
    store: MemoryStore

    async def beat(self, worker: UUID, host: str, pid: int) -> None:
        workers, now = self.store.workers, self.store.clock.now()
        known = workers.get(worker, Worker(id=worker, host=host, pid=pid, started_at=now, last_beat_at=now))
        workers[worker] = replace(known, host=host, pid=pid, last_beat_at=now)
        for silent in [each.id for each in workers.values() if each.last_beat_at < now - FORGET_AFTER]:
            del workers[silent]

    async def leave(self, worker: UUID) -> None:
        self.store.workers.pop(worker, None)

    async def alive(self, within: timedelta) -> Sequence[Worker]:
        since = self.store.clock.now() - within
        alive = (each for each in self.store.workers.values() if each.last_beat_at >= since)
        return sorted(alive, key=lambda each: (each.started_at, each.id))
