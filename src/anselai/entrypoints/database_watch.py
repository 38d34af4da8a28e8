"""Notices that the database went away while we serve, says so, and brings the embedded one back."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from anselai.application.ansel import Ansel
from anselai.container import open_database
from anselai.domain.errors import AnselError, StoreUnavailable
from anselai.entrypoints.logs import NEWS
from anselai.settings import Settings

log = logging.getLogger("anselai.database")

LOOK_EVERY = 1.0  # seconds
MISSES = 2  # one alone may be a busy pool


@dataclass(slots=True, kw_only=True)
class DatabaseWatch:
    """Requests get 503 and syncs wait meanwhile; both go on by themselves once the database answers."""

    settings: Settings
    ansel: Ansel
    report: Callable[[str], None]
    holds: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def run(self) -> None:
        """Watch until cancelled, and let go of what was brought back."""
        try:
            while True:
                try:
                    await self._through_one_outage()
                except Exception:
                    log.exception("Watching the database failed; going on.")
                    await asyncio.sleep(LOOK_EVERY)
        finally:
            await self.holds.aclose()

    async def _through_one_outage(self) -> None:
        await self._until_away()
        log.error("The database does not answer. Requests get 503 until it does.", extra=NEWS)
        await self._bring_back()
        while not await self._answers():
            await asyncio.sleep(LOOK_EVERY)
            await self._bring_back()
        log.warning("The database answers again.", extra=NEWS)

    async def _until_away(self) -> None:
        missed = 0
        while missed < MISSES:
            await asyncio.sleep(LOOK_EVERY)
            missed = 0 if await self._answers() else missed + 1

    async def _answers(self) -> bool:
        try:
            await self.ansel.health.ping()
        except StoreUnavailable:
            return False
        return True

    async def _bring_back(self) -> None:
        """Start the embedded server again, which is ours; an external one is somebody else's to start."""
        if self.settings.database_url is not None:
            return
        held, self.holds = self.holds, AsyncExitStack()
        try:
            await self.holds.enter_async_context(open_database(self.settings, report=self.report))
        except AnselError as error:
            log.error("%s Stop AnselAI and start it again once that is put right.", error)
        finally:
            await held.aclose()
