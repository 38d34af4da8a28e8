"""Writes the results of attempts: all that are there in one transaction, while the next ones come in."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from anselai.domain.errors import StoreUnavailable
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.sync_job import AttemptResult

log = logging.getLogger("anselai.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Results that are done with, and the ids of the jobs whose result the store accepted."""

    results: Sequence[AttemptResult] = ()
    accepted: frozenset[UUID] = frozenset()


@dataclass(slots=True, kw_only=True)
class ResultWriter:
    jobs: SyncJobs
    waiting: list[AttemptResult] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, result: AttemptResult) -> None:
        self.waiting.append(result)
        self.came.set()

    async def write(self) -> Written:
        """Write what is there, and tell what that was. What the store is not there for is kept for the next time.

        Raises StoreUnavailable.
        """
        self.came.clear()
        batch = self.waiting[:]
        if not batch:
            return Written()
        try:
            accepted = await self._finish(batch)
        except BaseException:
            self.came.set()
            raise
        del self.waiting[: len(batch)]
        for result in batch:
            if result.lease.job_id not in accepted:
                log.warning("The result of a run came too late: its lease was lost.")
        return Written(results=batch, accepted=accepted)

    async def _finish(self, batch: Sequence[AttemptResult]) -> frozenset[UUID]:
        """Write them; if the store cannot take them together, one by one, so that one cannot hold up the others."""
        try:
            return await self.jobs.finish(batch)
        except StoreUnavailable:
            raise
        except Exception:
            if len(batch) == 1:
                log.exception("The result of a run cannot be stored; its lease will run out.")
                return frozenset()
        return frozenset().union(*[await self._finish([each]) for each in batch])
