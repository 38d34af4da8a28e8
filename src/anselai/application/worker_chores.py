"""What a worker does beside its runs: tell that it lives, bring back what others left behind, forget what is old."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from anselai.application.survival import surviving
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.telemetry import Telemetry
from anselai.domain.ports.workers import Workers

log = logging.getLogger("anselai.worker")

LOOK_EVERY = 0.5  # seconds
BEAT_EVERY = 10.0
RECLAIM_EVERY = 5.0
RECLAIM_BATCH = 500
PRUNE_EVERY = 600.0
PRUNE_BATCH = 5000
KEEP_JOBS = timedelta(days=30)
KEEP_LOG = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerChores:
    id: UUID
    host: str
    pid: int
    jobs: SyncJobs
    workers: Workers
    clock: Clock
    telemetry: Telemetry
    pause: timedelta  # after a chore that failed

    async def run(self) -> None:
        """Each in its turn, for ever."""
        chores = [(BEAT_EVERY, self.beat), (RECLAIM_EVERY, self.reclaim), (PRUNE_EVERY, self.prune)]
        due = [self.clock.monotonic() + every * random.random() for every, _ in chores]  # noqa: S311
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for place, (every, chore) in enumerate(chores):
                if self.clock.monotonic() >= due[place]:
                    there_is_more = await surviving(chore, self.pause)
                    due[place] = self.clock.monotonic() + (0 if there_is_more else every)

    async def beat(self) -> bool:
        await self.workers.beat(self.id, self.host, self.pid)
        return False

    async def leave(self) -> None:
        await self.workers.leave(self.id)

    async def reclaim(self) -> bool:
        """Whether anything came back: there may be more."""
        reclaimed = await self.jobs.reclaim(RECLAIM_BATCH)
        if reclaimed:
            self.telemetry.attempts_abandoned(reclaimed)
            log.warning("%d abandoned syncs came back into the queue.", reclaimed)
        return reclaimed > 0

    async def prune(self) -> bool:
        return await self.jobs.prune(KEEP_JOBS, KEEP_LOG, PRUNE_BATCH) >= PRUNE_BATCH
