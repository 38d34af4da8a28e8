"""Keeps the API's errors in the log of syncs, without waiting for it and without being flooded."""

import asyncio
import logging
from dataclasses import dataclass, field, replace

from anselai.domain.ports.sync_log import ApiError, SyncLog

log = logging.getLogger("anselai.http")

WRITE_LIMIT = 2.0  # seconds


@dataclass(slots=True, kw_only=True)
class ApiErrorLog:
    """Equal errors (same route, same code) that come within `pause` seconds are one write with their count.

    So a flood of bad requests is at most one write a second for each route and code, of which there are few.
    """

    sync_log: SyncLog
    pause: float = 1.0
    waiting: dict[tuple[str, str, str], ApiError] = field(default_factory=dict)
    writer: "asyncio.Task[None] | None" = None

    def keep(self, error: ApiError) -> None:
        """Have the error written soon. Never fails and never waits."""
        key = (error.studio, error.route, error.code)
        before = self.waiting.get(key)
        self.waiting[key] = error if before is None else replace(before, count=before.count + error.count)
        if self.writer is None or self.writer.done():
            self.writer = asyncio.create_task(self._write_until_quiet(), name="api errors")

    async def close(self) -> None:
        """Write what still waits."""
        if self.writer is not None:
            self.writer.cancel()
            await asyncio.gather(self.writer, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        errors, self.waiting = tuple(self.waiting.values()), {}
        try:
            async with asyncio.timeout(WRITE_LIMIT):
                for each in errors:
                    await self.sync_log.record_api_error(each)
        except Exception as why:  # noqa: BLE001  the log of errors must never be a reason for another error
            log.warning("Errors of the API could not be kept in the log: %s", type(why).__name__)

    async def _write_until_quiet(self) -> None:
        while self.waiting:
            await self.flush()
            await asyncio.sleep(self.pause)
