"""Keeps the tokens of all connections fresh, also of those that nobody uses."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from anselai.application.token_refresh import TokenRefresher
from anselai.domain.connection import PlatformConnection
from anselai.domain.errors import (
    AnselError,
    AuthFailure,
    ConnectionNotFound,
    NoRefreshToken,
    RightsMissing,
    StoreUnavailable,
)
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformInfo, Platforms
from anselai.domain.refreshing import SecondUse

log = logging.getLogger("anselai.refresh")

HOLD = timedelta(seconds=15)  # from being handed a connection to having the right to refresh it
PATIENCE = timedelta(minutes=5)  # longer than a refresh takes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperLimits:
    """How many refreshes a process does at once on one platform, and how often it looks for due ones."""

    at_once: int = 10
    look_every: timedelta = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class RefreshKeeper:
    """Any number of keepers share one store. One object runs once."""

    connections: Connections
    platforms: Platforms
    refresher: TokenRefresher
    clock: Clock
    limits: KeeperLimits = field(default_factory=KeeperLimits)
    running: dict["asyncio.Task[None]", str] = field(init=False, default_factory=dict)
    stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def run(self) -> None:
        """Refresh what is due until `stop` is called. Refreshes under way go on; the refresher's `settle` waits for
        them.
        """
        while not self.stopping.is_set():
            started = await self._look()
            if self.running or not started:
                await self._pause()

    def stop(self) -> None:
        """Start nothing more."""
        self.stopping.set()

    async def tick(self) -> int:
        """Refresh everything that is due now; how many connections that were. For tests and tools."""
        number = 0
        while started := await self._start_due():
            number += started
            await asyncio.gather(*self.running, return_exceptions=True)
        return number

    async def _look(self) -> int:
        try:
            return await self._start_due()
        except RightsMissing as missing:
            log.error("No token is refreshed: %s", missing)
            return 0
        except StoreUnavailable:
            return 0
        except Exception:
            log.exception("Looking for tokens to refresh met something unforeseen and goes on.")
            return 0

    async def _start_due(self) -> int:
        busy, number = Counter(self.running.values()), 0
        for info in self.platforms.all():
            room = self._room(info, busy[info.name])
            # Where tokens work again within a grace, an open question is not kept waiting until that is over.
            in_grace = room <= 0 and info.second_use is SecondUse.GRACE
            room = self.limits.at_once - busy[info.name] if in_grace else room
            due = await self.connections.due_refreshes(info.name, room, HOLD, in_grace) if room > 0 else ()
            self._start(info, due)
            number += len(due)
        return number

    def _room(self, info: PlatformInfo, busy: int) -> int:
        return self.refresher.trouble_of(info.name).room(self.limits.at_once, busy, self.clock.monotonic())

    def _start(self, info: PlatformInfo, due: Sequence[PlatformConnection]) -> None:
        for connection in due:
            task = asyncio.create_task(self._refresh(info, connection), name=f"keep {info.name} fresh")
            self.running[task] = info.name
            task.add_done_callback(self.running.pop)

    async def _refresh(self, info: PlatformInfo, connection: PlatformConnection) -> None:
        try:
            await self.refresher.refresh(connection.key, seen=connection, patience=PATIENCE)
        except NoRefreshToken:
            await self._never_again(info, connection)
        except (ConnectionNotFound, AuthFailure):
            return  # a connection that expired is logged where that is found
        except AnselError as error:
            log.warning("A %s token could not be refreshed yet: %s: %s", info.name, error.code, error)
        except Exception:
            log.exception("A %s token could not be refreshed.", info.name)

    async def _never_again(self, info: PlatformInfo, connection: PlatformConnection) -> None:
        """Its time was set while there was something to refresh with."""
        try:
            stored = await self.connections.get(connection.key)
            if not info.can_refresh(stored):
                await self.connections.replace(stored.refreshed_at(None))
        except AnselError:
            return  # it is due again after a while

    async def _pause(self) -> None:
        """Until there may be room for more, or it is time to look: a slow platform must not keep the others waiting."""
        stopped = asyncio.create_task(self.stopping.wait(), name="stop keeping fresh")
        try:
            await asyncio.wait(
                {stopped, *self.running},
                timeout=self.limits.look_every.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopped.cancel()
