"""What a monitoring system reads of this process and of the store."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from anselai.application.sync_scheduler import ALIVE_WITHIN
from anselai.domain.errors import AnselError
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.sealed_tokens import SealedTokens
from anselai.domain.ports.telemetry import Exposition, StoreState, Telemetry
from anselai.domain.ports.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """`limit` is how long a scrape waits for the store before it counts as away."""

    jobs: SyncJobs
    workers: Workers
    sealed_tokens: SealedTokens
    telemetry: Telemetry
    limit: timedelta = timedelta(seconds=2)

    async def scrape(self, accept: str = "") -> Exposition:
        """The figures of this process, and the store's if it answers in time. Comes quickly whatever the store does."""
        asking = asyncio.create_task(self._store_state(), name="scrape")
        await asyncio.wait({asking}, timeout=self.limit.total_seconds())
        if not asking.done():
            asking.cancel()  # and not awaited: what hangs may also be slow to be cancelled
        return self.telemetry.exposition(asking.result() if asking.done() else None, accept)

    async def _store_state(self) -> StoreState | None:
        try:
            return StoreState(
                queue=await self.jobs.queue_state(None),
                daemons=len(await self.workers.alive(ALIVE_WITHIN)),
                seals={key_id: use.seals for key_id, use in (await self.sealed_tokens.uses()).items()},
            )
        except AnselError:
            return None
